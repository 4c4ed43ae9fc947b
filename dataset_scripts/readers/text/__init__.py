"""Text tables: files, encodings, rows."""
