"""Memory of a serving process, read from another process."""
