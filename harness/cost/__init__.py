"""Measurement, price sheet and traffic to cost per 1,000 predictions."""
