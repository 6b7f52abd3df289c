"""Tests of harvester/collection/."""
