"""Drift statistics by the conventions of NannyML 0.13."""
