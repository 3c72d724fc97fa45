"""Batches to scores."""
