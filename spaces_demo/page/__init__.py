"""The page: screen, tabs, style, API."""
