"""A collection as values: described, validated, changed by changesets, and merged."""
