"""Tallies to metric values with n and interval."""
