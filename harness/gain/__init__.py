"""Tallies and a business rule to gain per 1,000 predictions."""
