"""A candidate: its folder read and checked, its functions, its weights, and its snapshot."""
