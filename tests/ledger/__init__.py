"""Tests of harvester/ledger/."""
