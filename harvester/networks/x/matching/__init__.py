"""Says which rules of a collection a record matched."""
