"""`make gpu-check`: everything that is claimed of a card, tried on the card of this machine, in one report."""
