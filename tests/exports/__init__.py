"""Tests of harvester/exports/."""
