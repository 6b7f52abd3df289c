"""Stored posts become files for other programs: in constant memory, and under their names when whole."""
