"""Whether intervals cover and verdicts hold their level, in simulated worlds whose truth is known."""
