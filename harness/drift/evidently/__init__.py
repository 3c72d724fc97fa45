"""Drift statistics by the conventions of Evidently 0.7."""
