"""Stored collections are verified, repaired, downloaded, copied, redacted and deleted."""
