"""Adapting a model to a person by LoRA."""
