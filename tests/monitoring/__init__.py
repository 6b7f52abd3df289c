"""Tests of harvester/monitoring/."""
