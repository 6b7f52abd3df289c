"""A stream of X: connected, parsed into records, and connected again after each cut."""
