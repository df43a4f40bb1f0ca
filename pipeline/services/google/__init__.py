"""Share what the formats of Google's products have in common."""
