"""Cameras: detectors, camera files, and recovery from what they read."""
