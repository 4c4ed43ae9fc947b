"""Methods x protocols x folds x versions x seeds, from one recipe file to one page that one can send to a colleague."""
