"""Recognition of a member's format by its name and its first bytes."""
