"""Tests of harvester/compute/."""
