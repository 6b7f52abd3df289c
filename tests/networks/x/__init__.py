"""Tests of harvester/networks/x/."""
