"""Read archives: zip, tar and compressed streams, part by part, within limits."""
