"""The record of launches: what a launch needs of it, in MLflow and in memory."""
