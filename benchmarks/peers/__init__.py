"""What others make of the same files: each a script that imports nothing of this project."""
