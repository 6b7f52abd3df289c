"""Tests of harvester/compute/local/."""
