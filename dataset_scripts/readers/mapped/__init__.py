"""Tables whose columns a mapping file names."""
