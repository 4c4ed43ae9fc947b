"""Pictures of recordings and results, all in one style."""
