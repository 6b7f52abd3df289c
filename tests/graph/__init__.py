"""Tests of harvester/graph/."""
