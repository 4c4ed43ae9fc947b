"""SMI BeGaze: samples and events."""
