"""Commands on what a collection has collected and on what runs."""
