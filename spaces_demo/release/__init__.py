"""A release: model, data set, Space and metrics, checked, linked to each other and uploaded by one command."""
