window.YTD.account.part0 = [
 {
  "account": {
   "email": "ana@example.org",
   "createdVia": "web",
   "username": "ana",
   "accountId": "11",
   "createdAt": "2010-01-02T03:04:05.678Z",
   "accountDisplayName": "Ana Ö"
  }
 }
]