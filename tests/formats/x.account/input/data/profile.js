window.YTD.profile.part0 = [
 {
  "profile": {
   "description": {
    "bio": "bïo",
    "website": "",
    "location": ""
   },
   "avatarMediaUrl": "https://pbs.example.com/a.jpg"
  }
 },
 {
  "profile": 7
 }
]