"""Child processes: start, watch, time out, die with their parent."""
