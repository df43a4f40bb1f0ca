window.YTD.direct_messages.part0 = [
 {
  "dmConversation": {
   "conversationId": "11-22",
   "messages": [
    {
     "messageCreate": {
      "recipientId": "22",
      "reactions": [],
      "urls": [
       {
        "url": "https://t.co/a",
        "expanded": "https://example.org/b"
       }
      ],
      "text": "hé &gt; ho",
      "mediaUrls": [
       "https://ton.example.com/dm/1/2/x.jpg"
      ],
      "senderId": "11",
      "id": "900",
      "createdAt": "2020-01-02T03:04:05.678Z"
     }
    },
    {
     "messageCreate": {
      "recipientId": "11",
      "text": "x",
      "senderId": "22",
      "createdAt": "2020-01-02T03:04:05.678Z"
     }
    }
   ]
  }
 },
 {
  "dmConversation": {
   "conversationId": "22-33",
   "messages": []
  }
 }
]