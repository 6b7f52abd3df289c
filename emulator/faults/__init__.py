"""Scripted faults: which requests go wrong and how."""
