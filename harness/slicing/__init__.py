"""Columns, bins, crosses, windows and periods to dense integer ids and back to names."""
