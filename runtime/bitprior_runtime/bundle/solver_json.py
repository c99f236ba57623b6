"""The solver defaults of a manifest from JSON."""

from typing import get_args

from bitprior_runtime.bundle import fields
from bitprior_runtime.bundle.errors import EXPORT_AGAIN, InconsistentManifestError, quote
from bitprior_runtime.bundle.limits import MAX_STEPS
from bitprior_runtime.bundle.manifest import (
    NO_MEASUREMENT,
    FistaDefaults,
    InitialLatent,
    Measurement,
    Projection,
    SearchOutline,
    SolverDefaults,
    SolverName,
)
from bitprior_runtime.bundle.strict_json import Json

_KEYS = ("initial_latent", "name", "sparsity", "step_size", "steps")
# Keys by the minor version that brought them; an older file has none of them.
_KEYS_SINCE = {1: ("projection",), 2: ("fista", "selection")}


def solver_from_json(value: Json, latent: int, minor: int) -> SolverDefaults:
    """Parse the solver defaults.

    Args:
        value: What the manifest has under ``solver``.
        latent: k.
        minor: Minor version of the manifest.

    Raises:
        ManifestError: One of its subclasses.
    """
    newer = [key for since, keys in _KEYS_SINCE.items() if since <= minor for key in keys]
    found = fields.record(value, "solver", (*_KEYS, *newer))
    fista, selection = found.get("fista"), found.get("selection")
    solver = SolverDefaults(
        name=fields.choice(found["name"], "solver.name", get_args(SolverName)),
        steps=fields.integer(found["steps"], "solver.steps", 1, MAX_STEPS),
        step_size=fields.positive(found["step_size"], "solver.step_size"),
        sparsity=_sparsity(found["sparsity"], "solver.sparsity", latent),
        initial_latent=fields.choice(
            found["initial_latent"], "solver.initial_latent", get_args(InitialLatent)
        ),
        projection=fields.choice(
            found.get("projection", "none"), "solver.projection", get_args(Projection)
        ),
        fista=None if fista is None else _fista(fista, latent),
        selection=None if selection is None else fields.mapping(selection, "solver.selection"),
    )
    _check_fista(solver)
    return solver


def check_solver(
    solver: SolverDefaults, latent: int, measurement: Measurement, search: SearchOutline | None
) -> None:
    """Check that the bundle has what its solver needs.

    Raises:
        InconsistentManifestError: It has not.
    """
    if solver.name == "learned" and search is None:
        raise InconsistentManifestError(
            "search where solver.name is 'learned'", "null", EXPORT_AGAIN
        )
    if solver.initial_latent != "measurement":
        return
    if measurement.kind == NO_MEASUREMENT or latent != measurement.size:
        raise InconsistentManifestError(
            "as many latent values as measurements where solver.initial_latent is 'measurement'",
            f"latent {latent}, measurement {quote(measurement.kind)} of {measurement.size}",
            EXPORT_AGAIN,
        )


def _fista(value: Json, latent: int) -> FistaDefaults:
    found = fields.record(value, "solver.fista", ("sparsity", "step_size"))
    return FistaDefaults(
        step_size=fields.positive(found["step_size"], "solver.fista.step_size"),
        sparsity=_sparsity(found["sparsity"], "solver.fista.sparsity", latent),
    )


def _sparsity(value: Json, where: str, latent: int) -> int | None:
    return None if value is None else fields.integer(value, where, 1, latent)


def _check_fista(solver: SolverDefaults) -> None:
    if solver.name == "fista" and solver.fista is None:
        raise InconsistentManifestError(
            "solver.fista where solver.name is 'fista'", "null", EXPORT_AGAIN
        )
    if solver.fista is not None and solver.projection != "none":
        raise InconsistentManifestError(
            "solver.fista without solver.projection, which momentum leaves", "both", EXPORT_AGAIN
        )
