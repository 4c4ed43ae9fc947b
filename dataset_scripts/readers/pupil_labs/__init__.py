"""Pupil Labs: Core, Neon, Invisible."""
