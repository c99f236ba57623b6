"""Frames: images of any size from a prior that was trained on one.

:mod:`.reframe` gives a fully convolutional program the shapes of another frame, :mod:`.framed` runs
such a prior on it, and :mod:`.tiled` serves frames from a prior of one size by overlapping tiles.
"""
