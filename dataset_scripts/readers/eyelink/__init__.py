"""EyeLink ASC."""
