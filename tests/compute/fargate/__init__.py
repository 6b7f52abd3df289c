"""Tests of harvester/compute/fargate/."""
