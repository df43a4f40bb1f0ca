window.YTD.follower.part0 = [
 {
  "follower": {
   "accountId": "102",
   "userLink": "https://twitter.com/intent/user?user_id=102"
  }
 }
]