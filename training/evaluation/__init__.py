"""Predictions of saved models on recordings that they have not seen."""
