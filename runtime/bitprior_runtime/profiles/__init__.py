"""Device profiles: one TOML file a board, in this folder."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from bitprior_runtime.errors import UsageError


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
        onnx: What ONNX files it takes.
    """

    name: str
    title: str
    cores: str
    architecture: str
    features: tuple[str, ...]
    memory_mib: int
    verified: bool
    source: str
    onnx: OnnxSupport


def profile_names() -> list[str]:
    """Return the names of all profiles, sorted."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files(__name__).iterdir()
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
    text = files(__name__).joinpath(f"{name}.toml").read_text("utf-8")
    fields = _frozen(tomllib.loads(text))
    return Profile(name=name, **{**fields, "onnx": OnnxSupport(**_frozen(fields["onnx"]))})


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
