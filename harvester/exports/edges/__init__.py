"""`export edges`: who follows whom, by stored lists, for Gephi, networkx, SciPy, DuckDB and others."""
