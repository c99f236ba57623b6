"""The proximal solver as a bundle says it is run."""

from bitprior_runtime.bundle.manifest import SolverDefaults
from bitprior_runtime.solvers import ProximalOptions


def proximal_options(defaults: SolverDefaults, steps: int) -> ProximalOptions:
    """Return options with the bundle's step size, sparsity and projection, and ``steps`` steps."""
    return ProximalOptions(
        steps, defaults.step_size, defaults.sparsity, projection=defaults.projection
    )
