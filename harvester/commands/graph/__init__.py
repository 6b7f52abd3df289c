"""Commands that show crawls and decide how they continue."""
