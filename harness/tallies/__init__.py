"""Additive and ordered states, each filled by one kernel."""
