"""Generated recordings with known truth: the default of the main job, the fixture of the tests, and an instrument."""
