"""The gaps of a stream: which are open, what a search finds of them, and how they are closed."""
