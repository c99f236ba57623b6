"""Solvers: ways of finding the latent from the measurement."""

from bitprior_runtime.solvers.adam import AdamOptions, adam
from bitprior_runtime.solvers.gauss_newton import GaussNewtonOptions, gauss_newton
from bitprior_runtime.solvers.latents import InitialLatent, hard_threshold, initial_latents
from bitprior_runtime.solvers.lbfgs import LbfgsOptions, lbfgs
from bitprior_runtime.solvers.proximal import ProximalOptions, proximal
from bitprior_runtime.solvers.solution import Progress, Solution

__all__ = [
    "AdamOptions",
    "GaussNewtonOptions",
    "InitialLatent",
    "LbfgsOptions",
    "Progress",
    "ProximalOptions",
    "Solution",
    "adam",
    "gauss_newton",
    "hard_threshold",
    "initial_latents",
    "lbfgs",
    "proximal",
]
