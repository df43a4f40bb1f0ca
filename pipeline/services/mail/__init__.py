"""Read mails: MIME, Outlook's files, what lies within them."""
