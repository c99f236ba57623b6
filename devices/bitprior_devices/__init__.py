"""Boards: what they are and what runs on them."""

from bitprior_runtime.profiles import Profile, load_profile, profile_names

__all__ = ["Profile", "load_profile", "profile_names"]
