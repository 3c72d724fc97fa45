"""Statistics that know nothing of tallies: every room may use them."""
