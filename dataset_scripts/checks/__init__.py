"""The checks of `emert data verify`."""
