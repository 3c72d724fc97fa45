"""The results folder: identities, locks, atomic writes, resume, manifest."""
