"""Wall clock and energy; what is not measured says why."""
