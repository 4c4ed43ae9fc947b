"""Methods x tasks x folds x versions x seeds, from one recipe file to one self-contained page."""
