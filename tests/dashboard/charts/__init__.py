"""Tests of harvester/dashboard/charts/."""
