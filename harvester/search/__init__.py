"""Stored posts are found by words, tags, accounts, dates and places, in an index on this machine."""
