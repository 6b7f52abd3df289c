"""Tests of harvester/exports/files/."""
