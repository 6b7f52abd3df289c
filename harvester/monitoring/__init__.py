"""A running harvest serves its status, and its failures and progress are reported."""
