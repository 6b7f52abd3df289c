"""A collection as plain values: its description, validation, changesets, history and merge."""
