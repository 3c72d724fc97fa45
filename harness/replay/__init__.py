"""Log to contract check to prepared, memory-mapped replay to batches."""
