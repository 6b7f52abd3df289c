"""Harvests as tasks and services of AWS Fargate."""
