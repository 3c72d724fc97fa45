"""Evidence and limit to PASS, FAIL, UNDECIDED or WAIVED."""
