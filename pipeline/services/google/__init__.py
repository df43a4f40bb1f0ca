"""What the formats of Google's products share."""
