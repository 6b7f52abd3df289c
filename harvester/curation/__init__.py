"""Stored collections are verified, downloaded, copied, redacted and deleted."""
