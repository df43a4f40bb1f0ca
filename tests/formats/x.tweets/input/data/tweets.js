window.YTD.tweets.part0 = [
 {
  "tweet": {
   "id": "1050",
   "id_str": "1050",
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
 },
 {
  "tweet": {
   "id_str": "1051",
   "created_at": "Thu Oct 11 20:19:24 +0000 2018",
   "full_text": "RT @bo: hi",
   "entities": {}
  }
 },
 {
  "tweet": {
   "id_str": "1052",
   "created_at": "Thu Oct 11 20:20:24 +0000 2018",
   "full_text": "@bo yes",
   "in_reply_to_status_id_str": "1040",
   "in_reply_to_screen_name": "bo"
  }
 },
 {
  "tweet": {
   "id_str": "1053",
   "created_at": "2018",
   "full_text": "bad"
  }
 }
]