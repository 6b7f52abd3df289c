"""Tests of harvester/dashboard/pages/."""
