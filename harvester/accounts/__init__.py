"""Which names and states an account had, and when it was seen with them."""
