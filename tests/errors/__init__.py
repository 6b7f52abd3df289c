"""Tests of harvester/errors/."""
