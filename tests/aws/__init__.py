"""Tests of harvester/aws/."""
