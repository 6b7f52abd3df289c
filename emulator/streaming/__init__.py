"""The filtered stream: its rules, its connections, and the posts that are generated for it."""
