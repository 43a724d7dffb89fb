"""Answers to perturbed rows."""
