"""What a post or an account looks like in an answer, by the fields and expansions asked for."""
