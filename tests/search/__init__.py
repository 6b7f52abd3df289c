"""Tests of harvester/search/."""
