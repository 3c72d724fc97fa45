"""Tables, pages and machine-readable sign-offs."""
