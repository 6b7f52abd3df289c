"""Collect social-media posts into plain files, and lose none of them."""

__version__ = "2.0.0"
