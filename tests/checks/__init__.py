"""Tests of harvester/checks/."""
