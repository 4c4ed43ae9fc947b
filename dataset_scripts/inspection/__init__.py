"""Quality and content of recordings and data sets, for people."""
