"""One module for each export format: what an item means. See `pipeline.contract`."""
