"""The sub-commands of `emert`, a short file each."""
