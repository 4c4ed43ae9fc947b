"""From a source's recordings to the data set's folder."""
