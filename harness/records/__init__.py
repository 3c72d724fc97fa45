"""Frozen dataclasses that are handed between rooms."""
