"""Tests of harvester/reading/."""
