"""Tests of `harvester/tables/`."""
