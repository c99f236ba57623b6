"""Which boards ask for signed bundles, by their profiles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bitprior_runtime.profiles import load_profile, profile_names


@dataclass(frozen=True)
class Demand:
    """Which boards ask for a signature; a board with a list of signers of its own always does.

    Attributes:
        always: Whether this board does, whatever it is.
        models: How the models of boards that do begin, as their device trees name them.
    """

    always: bool = False
    models: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it, ready for JSON."""
        return {"always": self.always, "models": list(self.models)}


NOTHING = Demand()


def demand_of(target: str | None, folder: Path | None = None) -> Demand:
    """Return what the profiles ask for.

    Args:
        target: The board's profile; None: the board's model decides, among all profiles.
        folder: Of the user's profiles; None: the one in the user's configuration.

    Raises:
        UsageError: No profile has that name, or a user's profile is not one.
        MissingFileError: A folder was named and is not there.
    """
    if target is not None:
        return Demand(always=load_profile(target, folder).signed)
    profiles = [load_profile(name, folder) for name in profile_names(folder)]
    return Demand(models=tuple(start for p in profiles if p.signed for start in p.models))
