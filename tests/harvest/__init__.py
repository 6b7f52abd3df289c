"""Tests of harvester/harvest/."""
