"""Cut JSON into items: arrays, lines, trees, wrapped and pretty-printed values."""
