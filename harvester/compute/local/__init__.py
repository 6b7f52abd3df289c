"""Harvests as processes of this machine."""
