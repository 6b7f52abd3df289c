"""Tests of harvester/curation/."""
