window.YTD.note_tweet.part0 = [
 {
  "noteTweet": {
   "noteTweetId": "77",
   "createdAt": "2025-06-04T10:00:00.000Z",
   "core": {
    "text": "long text",
    "urls": [
     {
      "expandedUrl": "x",
      "url": "https://example.org/n"
     }
    ]
   }
  }
 }
]