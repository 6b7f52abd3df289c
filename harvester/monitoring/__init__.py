"""A running harvest serves its status; failures and progress are reported."""
