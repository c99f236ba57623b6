"""What is sent: a bundle, its signature, the ONNX files that belong to it, and wheels."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from bitprior_devices.remote.receive import SentFile
from bitprior_devices.remote.release import BUNDLE, SIGNATURE
from bitprior_devices.remote.wire import sha256_of
from bitprior_runtime.board.signature import signature_of
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.companions import KINDS, read_companions
from bitprior_runtime.model import load

COMPANIONS = "model-onnx"


@dataclass(frozen=True)
class Parcel:
    """Files to send, by the path they get on the board.

    Attributes:
        name: Name of the model.
        files: Bundle, signature and companions: descriptions, and where they are here.
        wheels: The same of wheels.
    """

    name: str
    files: dict[SentFile, Path]
    wheels: dict[SentFile, Path] = field(default_factory=dict)

    @property
    def unpacked(self) -> int:
        """Bytes the wheels take once they are unpacked."""
        return sum(_unpacked(path) for path in self.wheels.values())


def pack(bundle: Path, wheels: list[Path]) -> Parcel:
    """Check a bundle and what belongs to it, and describe all that is to be sent.

    Raises:
        BundleError: It is damaged: nothing damaged is sent.
        CheckFailedError: An ONNX file beside it is not the one it was exported with.
    """
    model = load(bundle)
    source = model.path or bundle
    files = {describe(BUNDLE, source): source}
    signature = signature_of(source)
    if signature.is_file():
        files[describe(SIGNATURE, signature)] = signature
    for name, path in _companions(model.bundle, source).items():
        files[describe(name, path)] = path
    return Parcel(
        model.bundle.manifest.name, files, {describe(path.name, path): path for path in wheels}
    )


def _companions(bundle: Bundle, path: Path) -> dict[str, Path]:
    """Return the ONNX files of a bundle, if their folder lies beside it."""
    folder = path.with_name(f"{path.stem}-onnx")
    if not folder.is_dir() or not bundle.manifest.companions:
        return {}
    kinds = read_companions(bundle, folder)
    return {f"{COMPANIONS}/{kind}.onnx": folder / f"{kind}.onnx" for kind in KINDS if kind in kinds}


def describe(path: str, source: Path) -> SentFile:
    """Describe a file to send: the path it gets there, its size, its hash."""
    return SentFile(path, source.stat().st_size, sha256_of(source))


def _unpacked(wheel: Path) -> int:
    with zipfile.ZipFile(wheel) as archive:
        return sum(entry.file_size for entry in archive.infolist())
