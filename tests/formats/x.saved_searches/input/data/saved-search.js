window.YTD.saved_search.part0 = [
 {
  "savedSearch": {
   "savedSearchId": "301",
   "query": "käse near:Bern"
  }
 },
 {
  "savedSearch": {
   "savedSearchId": "302"
  }
 }
]
