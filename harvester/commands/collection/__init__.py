"""Commands on stored collections: start, schedule, copy, verify, download, delete."""
