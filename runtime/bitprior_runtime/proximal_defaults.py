"""The options of solvers as a bundle says they are run."""

from typing import Any

from bitprior_runtime.bundle.manifest import FistaDefaults, SolverDefaults
from bitprior_runtime.solvers import ProximalOptions
from bitprior_runtime.solvers.momentum import SHARE


def bundle_options(defaults: SolverDefaults, solver: str) -> dict[str, Any]:
    """Return the options of a solver that the bundle decides, by name.

    The steps are those of the bundle's own solver; others have their own default.
    """
    found: dict[str, Any] = {"steps": defaults.steps} if solver == defaults.name else {}
    if solver == "proximal":
        return found | {
            "step_size": defaults.step_size,
            "sparsity": defaults.sparsity,
            "projection": defaults.projection,
        }
    if solver == "fista":
        fista = defaults.fista or FistaDefaults(SHARE * defaults.step_size)
        return found | {
            "step_size": fista.step_size,
            "sparsity": fista.sparsity,
            "projection": defaults.projection,
        }
    return found | ({"sparsity": defaults.sparsity} if solver in ("adam", "gauss-newton") else {})


def proximal_options(defaults: SolverDefaults, steps: int) -> ProximalOptions:
    """Return the options of Q-GEN's recovery: learned step size, s and projection, no momentum."""
    return ProximalOptions(**(bundle_options(defaults, "proximal") | {"steps": steps}))


def loop_options(defaults: SolverDefaults, steps: int) -> ProximalOptions:
    """Return the options of the golden traces and of recover.onnx.

    That is FISTA if it is the bundle's solver, and else the proximal loop, which is there whatever
    the bundle's solver.
    """
    if defaults.name != "fista":
        return proximal_options(defaults, steps)
    learned = bundle_options(defaults, "fista") | {"steps": steps}
    return ProximalOptions(momentum=True, **learned)
