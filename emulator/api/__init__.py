"""What holds on every endpoint: authorization, rate limits, parameters, page tokens and errors."""
