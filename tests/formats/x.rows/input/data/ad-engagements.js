window.YTD.ad_engagements.part0 = [
 {
  "ad": {
   "adsUserData": {
    "adEngagements": {
     "engagements": [
      {
       "impressionAttributes": {
        "displayLocation": "Timeline",
        "impressionTime": "2020-01-02 03:04:05"
       },
       "engagementAttributes": [
        {
         "engagementType": "Expand"
        }
       ]
      }
     ]
    }
   }
  }
 }
]