"""Tests of harvester/commands/."""
