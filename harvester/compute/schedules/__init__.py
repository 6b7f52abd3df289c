"""When a scheduled harvest is due, and whether it ran."""
