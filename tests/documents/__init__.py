"""Tests of harvester/documents/."""
