"""Commands on what a collection is to collect."""
