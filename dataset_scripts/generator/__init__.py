"""Generated recordings with known truth: the default of the main job, and the fixture of the tests."""
