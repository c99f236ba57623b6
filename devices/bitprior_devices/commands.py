"""Verbs of the devices house."""

from dataclasses import asdict
from typing import Annotated

import typer

from bitprior_devices.profiles import Profile, load_profile, profile_names
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.cli.verbs import add_verb


def register(app: typer.Typer) -> None:
    """Add ``devices``."""
    add_verb(app, "devices", devices, extra="devices", packages=())


def devices(
    name: Annotated[str | None, typer.Argument(help="One device; without it, all.")] = None,
    json: JsonFlag = False,
) -> None:
    """List the boards bitprior has a profile of."""
    profiles = [load_profile(each) for each in ([name] if name else profile_names())]
    lines = [_line(profile) for profile in profiles]
    emit({"devices": [asdict(profile) for profile in profiles]}, "\n".join(lines), json)


def _line(profile: Profile) -> str:
    memory = f"{profile.memory_mib} MiB or more" if profile.memory_mib else "any memory"
    trust = "" if profile.verified else f" (unverified: {profile.source})"
    return f"{profile.name:<18} {profile.title}: {profile.cores}, {memory}{trust}"
