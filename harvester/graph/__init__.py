"""A crawl goes from depth to depth: what it found is selected, priced and approved before it is paid for."""
