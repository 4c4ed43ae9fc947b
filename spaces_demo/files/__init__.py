"""Visitors' files: uploads, archives, pairs."""
