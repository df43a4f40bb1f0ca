"""What an item means, one short file for each export format. See `pipeline.contract`."""
