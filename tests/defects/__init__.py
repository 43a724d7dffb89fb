"""Planted failures, and the clean twins they differ from."""
