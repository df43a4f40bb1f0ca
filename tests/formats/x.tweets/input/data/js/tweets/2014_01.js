Grailbird.data.tweets_2014_01 = 
 [
 {
  "source": "web",
  "entities": {
   "user_mentions": [],
   "media": [],
   "hashtags": [],
   "urls": [
    {
     "url": "http://t.co/a",
     "expanded_url": "http://example.org/a",
     "indices": [
      6,
      18
     ]
    }
   ]
  },
  "id_str": "418000000000000000",
  "text": "hello http://t.co/a",
  "id": 418000000000000000,
  "created_at": "2014-01-01 10:00:00 +0000",
  "user": {
   "name": "Jo",
   "screen_name": "jo"
  }
 }
]