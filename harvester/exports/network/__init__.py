"""`export network`: who is connected with whom in posts, for Gephi, networkx and other programs."""
