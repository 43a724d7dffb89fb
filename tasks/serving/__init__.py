"""A variant served as production would, and whether it answers the same inputs the same way again."""
