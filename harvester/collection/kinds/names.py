"""What the kinds of collections are called in a collection.json."""

USER_TIMELINE, SEARCH, FILTER, GRAPH = "user_timeline", "search", "filter", "graph"
# Made by a command; no person writes one.
REPAIR = "repair"
