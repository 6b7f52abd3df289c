"""Measures this project against its peers in one run, because only ratios of one run mean something."""
