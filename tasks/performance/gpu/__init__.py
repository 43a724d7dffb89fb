"""A GPU while something is measured on it."""
