"""Tests of harvester/networks/x/rules/."""
