"""The processes of the lake, and the place where they are wired together."""
