"""Looks at a log and at models, and proposes a configuration."""
