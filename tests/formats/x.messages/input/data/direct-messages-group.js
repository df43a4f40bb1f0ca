window.YTD.direct_messages_group.part0 = [
 {
  "dmConversation": {
   "conversationId": "555",
   "messages": [
    {
     "joinConversation": {
      "initiatingUserId": "33",
      "participantsSnapshot": [
       "11",
       "33"
      ],
      "createdAt": "2020-01-02T03:04:04.000Z"
     }
    },
    {
     "messageCreate": {
      "text": "g",
      "mediaUrls": [],
      "urls": [],
      "senderId": "33",
      "id": "901",
      "createdAt": "2020-01-02T03:05:05.678Z"
     }
    }
   ]
  }
 }
]