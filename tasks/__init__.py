"""Stages, evidence and gates as plain typed functions; they import neither Prefect nor MLflow nor boto3."""
