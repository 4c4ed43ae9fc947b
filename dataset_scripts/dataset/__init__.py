"""The data set as it lies on disk: layout, schema, splits, rows, card, reader."""
