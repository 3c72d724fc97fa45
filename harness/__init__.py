"""Offline evaluation and cost benchmarking of models over replay logs."""
