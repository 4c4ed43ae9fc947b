"""Training one network on one fold."""
