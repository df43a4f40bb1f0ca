"""What several formats of one service share."""
