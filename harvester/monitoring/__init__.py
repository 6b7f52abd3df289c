"""A harvest that runs is watched: its status is served, and its failures and progress are reported."""
