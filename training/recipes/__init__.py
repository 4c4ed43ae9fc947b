"""Recipes: all that decides a run."""
