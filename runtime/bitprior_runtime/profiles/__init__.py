"""Device profiles: one TOML file a board, in this folder or in one of the user's.

A user's profile lies in ``~/.config/bitprior/profiles`` (or under $XDG_CONFIG_HOME), or in a folder
that is named; there it takes the place of one of ours with the same name.
"""

import os
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from bitprior_runtime.errors import MissingFileError, UsageError


@dataclass(frozen=True)
class OnnxSupport:
    """What ONNX files a board takes.

    Attributes:
        runtime: The newest onnxruntime that installs there.
        avoid: Releases of onnxruntime that do not work there.
        opset: ONNX opset of the files.
        ir_version: ONNX file format version of the files.
        batch: Rows of every input; 0 for any number.
        half: Kinds of files that compute in float16.
        providers: onnxruntime's execution providers, the first one preferred.
        files: Kinds of files that are of use there.
        verified: True if this project ran such files with that runtime.
        source: Where this comes from.
    """

    runtime: str
    avoid: tuple[str, ...]
    opset: int
    ir_version: int
    batch: int
    half: tuple[str, ...]
    providers: tuple[str, ...]
    files: tuple[str, ...]
    verified: bool
    source: str


@dataclass(frozen=True)
class Figure:
    """One figure of a board, for people.

    Attributes:
        name: What it is of, e.g. ``caches``.
        value: The figure with its unit.
        verified: True if this project read it off such a board.
        source: Where it comes from.
    """

    name: str
    value: str
    verified: bool
    source: str


@dataclass(frozen=True)
class RuntimeReport:
    """A package's release that is known to work on a board, or not to.

    Attributes:
        package: Its name.
        version: The release.
        works: Whether it does.
        verified: True if this project ran it on such a board.
        source: Who says so.
    """

    package: str
    version: str
    works: bool
    verified: bool
    source: str


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
        models: How the model in such a board's device tree may begin.
        core_count: Cores of the largest model sold; 0 if it varies.
        engines: ``engine/kernel`` in the order they are preferred where nothing was measured.
        onnx: What ONNX files it takes.
        figures: Cores, clock, features, caches, memory, bandwidth: each with its source.
        runtimes: Releases known to work, or to crash.
        signed: Whether a deploy to such a board has to bring a signature that the board checks.
    """

    name: str
    title: str
    cores: str
    architecture: str
    features: tuple[str, ...]
    memory_mib: int
    verified: bool
    source: str
    models: tuple[str, ...]
    core_count: int
    engines: tuple[str, ...]
    onnx: OnnxSupport
    figures: tuple[Figure, ...]
    runtimes: tuple[RuntimeReport, ...]
    signed: bool = False


def profile_names(folder: Path | None = None) -> list[str]:
    """Return the names of all profiles, sorted.

    Args:
        folder: Of the user's profiles; None: the one in the user's configuration.

    Raises:
        MissingFileError: A folder was named and is not there.
    """
    return sorted(_found(folder))


def load_profile(name: str, folder: Path | None = None) -> Profile:
    """Load a profile.

    Args:
        name: Its name.
        folder: Of the user's profiles; None: the one in the user's configuration.

    Raises:
        UsageError: No profile has that name, or a user's profile is not one.
    """
    found = _found(folder)
    if name not in found:
        raise UsageError(
            f"a device among: {', '.join(sorted(found))}", f"{name!r}", "run: bitprior devices"
        )
    try:
        return _parse(name, tomllib.loads(found[name].read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UsageError(
            f"a profile in {found[name]} with the fields of those that come with bitprior",
            " ".join(f"{type(error).__name__}: {error}".split()),
            "copy one of them and change it",
        ) from error


def _found(folder: Path | None) -> dict[str, Traversable]:
    """Return all profiles by name: ours, then the user's in their place."""
    if folder is not None and not folder.is_dir():
        raise MissingFileError(
            f"a folder of profiles {folder}", "no such folder", "check --profiles"
        )
    found = _toml_files(files(__name__))
    theirs = folder or _configured()
    return {**found, **_toml_files(theirs)} if theirs.is_dir() else found


def _configured() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "bitprior/profiles"


def _toml_files(folder: Traversable) -> dict[str, Traversable]:
    return {
        entry.name.removesuffix(".toml"): entry
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }


def _parse(name: str, fields: dict[str, Any]) -> Profile:
    made = {
        **_frozen(fields),
        "onnx": OnnxSupport(**_frozen(fields["onnx"])),
        "figures": tuple(Figure(**figure) for figure in fields.get("figures", ())),
        "runtimes": tuple(RuntimeReport(**report) for report in fields.get("runtimes", ())),
    }
    if type(made.get("signed", False)) is not bool:
        raise TypeError(f"signed = {made['signed']!r}, not true or false")
    return Profile(name=name, **made)


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
