"""The commands of crawls."""
