"""Rows of the data set as batches."""
