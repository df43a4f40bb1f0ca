"""Mails: MIME, Outlook's files, their attachments and inner mails."""
