"""Generative priors trained without a measurement: DCGAN, BEGAN and VAE of Generator Surgery.

They are cut at export and recovered with any linear sensing operator. Networks and recipes are
those of the paper (*Generator Surgery for Compressed Sensing*), at any width and bit width.
"""
