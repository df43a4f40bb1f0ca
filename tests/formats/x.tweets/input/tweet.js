window.YTD.tweet.part0 = [
 {
  "id": "99",
  "created_at": "Wed Oct 10 20:19:24 +0000 2012",
  "text": "ünwrapped"
 }
]