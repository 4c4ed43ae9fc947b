"""The sub-command `emert demo`."""
