"""How bytes fall into slices and items, for each container syntax. See `pipeline.contract`."""
