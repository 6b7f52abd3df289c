"""One request to X: authorized, sent within the rate limits, retried, and stopped at any moment."""
