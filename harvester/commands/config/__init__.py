"""Commands that edit a collection's description and store it."""
