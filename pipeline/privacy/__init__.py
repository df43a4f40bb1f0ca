"""Apply a user's privacy policy: find personal data and redact it."""
