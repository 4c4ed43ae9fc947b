"""The sub-commands of `emert data`."""
