"""Reference against current: contracts, profiles, drift of inputs, labels, predictions and of the relation between them."""
