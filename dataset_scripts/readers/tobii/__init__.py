"""Tobii: Studio, Pro Lab, SDK."""
