"""One file per command, top to bottom; the only code that imports rooms."""
