"""Tests of harvester/curation/repair/."""
