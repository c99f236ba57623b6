"""Solvers: ways of finding the latent from the measurement."""

from bitprior_runtime.solvers.adam import AdamOptions, adam
from bitprior_runtime.solvers.latents import InitialLatent, hard_threshold, initial_latents
from bitprior_runtime.solvers.proximal import ProximalOptions, proximal
from bitprior_runtime.solvers.solution import Progress, Solution

__all__ = [
    "AdamOptions",
    "InitialLatent",
    "Progress",
    "ProximalOptions",
    "Solution",
    "adam",
    "hard_threshold",
    "initial_latents",
    "proximal",
]
