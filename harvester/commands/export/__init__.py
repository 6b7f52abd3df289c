"""The commands that export stored posts, and those on files of records."""
