"""The demo: a replay log of real flights and the model variants trained on it."""
