"""Everything that the benchmark compares: one table (`registry`), classical methods, and networks over EMERT's encoders."""
