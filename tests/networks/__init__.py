"""Tests of harvester/networks/."""
