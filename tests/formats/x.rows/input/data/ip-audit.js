window.YTD.ip_audit.part0 = [
 {
  "ipAudit": {
   "accountId": "1",
   "createdAt": "2024-01-02T03:04:05.000Z",
   "loginIp": "192.0.2.1"
  }
 },
 {
  "ipAudit": {
   "accountId": "1",
   "createdAt": "2024-01-02T03:04:05.000Z",
   "loginIp": "192.0.2.1"
  }
 }
]