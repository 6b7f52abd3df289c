"""The accounts and posts there are: generated from a seed, or loaded."""
