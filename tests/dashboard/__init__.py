"""Tests of harvester/dashboard/."""
