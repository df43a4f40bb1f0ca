window.YTD.tweets.part1 = [
 {
  "tweet": {
   "id": "1050",
   "id_str": "2000",
   "created_at": "Wed Oct 10 20:19:24 +0000 2018",
   "full_text": "Grüße &amp; mehr https://t.co/x",
   "lang": "de",
   "favorite_count": "3",
   "retweeted": false,
   "entities": {
    "urls": [
     {
      "url": "https://t.co/x",
      "expanded_url": "https://example.org/a",
      "indices": [
       "15",
       "30"
      ]
     }
    ],
    "media": [
     {
      "media_url_https": "https://pbs.example.com/media/AB.jpg",
      "url": "https://t.co/y"
     }
    ]
   }
  }
 }
]