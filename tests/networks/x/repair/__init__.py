"""Tests of what a search can find of what a stream missed."""
