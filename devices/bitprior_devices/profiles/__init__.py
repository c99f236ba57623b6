"""Device profiles: one TOML file a board, in this folder."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from bitprior_runtime.errors import UsageError


@dataclass(frozen=True)
class Profile:
    """What is known of a board.

    Attributes:
        name: Name used on the command line.
        title: The board's full name.
        cores: Number and kind of cores.
        architecture: As ``uname -m`` prints it on a 64-bit system.
        features: CPU features that kernels care about, as /proc/cpuinfo names them.
        memory_mib: Memory of the smallest model sold, MiB; 0 if it varies.
        verified: True if the figures were read off such a board by this project.
        source: Where the figures come from.
    """

    name: str
    title: str
    cores: str
    architecture: str
    features: tuple[str, ...]
    memory_mib: int
    verified: bool
    source: str


def profile_names() -> list[str]:
    """Return the names of all profiles, sorted."""
    folder = files("bitprior_devices.profiles")
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def load_profile(name: str) -> Profile:
    """Load a profile.

    Raises:
        UsageError: No profile has that name.
    """
    if name not in profile_names():
        raise UsageError(
            f"a device among: {', '.join(profile_names())}", f"{name!r}", "run: bitprior devices"
        )
    text = files("bitprior_devices.profiles").joinpath(f"{name}.toml").read_text("utf-8")
    fields = tomllib.loads(text)
    fields["features"] = tuple(fields["features"])
    return Profile(name=name, **fields)
