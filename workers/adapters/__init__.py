"""Connect the ports of the pipeline to libraries and services."""
