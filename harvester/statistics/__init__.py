"""The figures of harvests, minute by minute, are shown, exported and sent to Graphite again."""
