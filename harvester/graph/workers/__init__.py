"""Several workers share the users of one crawl by a queue: each user is collected, and by one of them."""
