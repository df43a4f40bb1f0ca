"""How bytes become slices and items, for each container syntax. See `pipeline.contract`."""
