"""Archives: zip, tar and compressed streams, read part by part, within limits."""
