"""Tests of harvester/accounts/."""
