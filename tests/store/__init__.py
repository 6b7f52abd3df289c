"""Tests of harvester/store/."""
