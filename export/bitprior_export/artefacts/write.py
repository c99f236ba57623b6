"""Write the ONNX files of a bundle into a folder beside it: verified, and all or none."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bitprior_export.artefacts.build import BUILDERS, build_artefacts
from bitprior_export.artefacts.check import ArtefactReport, check_artefacts
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.errors import UnwritableOutputError
from bitprior_runtime.files import check_folder, write_atomically
from bitprior_runtime.frames.onnx_kinds import FRAME_GRAPHS
from bitprior_runtime.profiles import Profile, load_profile

NAMES = tuple(f"{kind}.onnx" for kind in dict.fromkeys((*BUILDERS, *FRAME_GRAPHS)))


@dataclass(frozen=True)
class Artefact:
    """One ONNX file.

    Attributes:
        name: File name.
        kind: ``generate``, ``sense``, ``gradient`` or ``recover``; or, of a prior of any frame, one
            of FRAME_GRAPHS.
        bytes: Its size.
        sha256: Hash of its content, 64 hexadecimal digits.
    """

    name: str
    kind: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Artefacts:
    """The ONNX files of a bundle.

    Attributes:
        folder: Where they are, or will be.
        target: Name of the board they are made for.
        files: The files.
        report: What verifying them found.
    """

    folder: Path
    target: str
    files: Sequence[Artefact]
    report: ArtefactReport

    def sealed(self, bundle: Bundle) -> Bundle:
        """Return the bundle with the files' hashes among its companions."""
        hashes = {file.name: file.sha256 for file in self.files}
        companions = {**bundle.manifest.companions, **hashes}
        return replace(bundle, manifest=replace(bundle.manifest, companions=companions))


def default_folder(bundle_path: str | os.PathLike[str]) -> Path:
    """Return the folder of a bundle's ONNX files: ``<stem>-onnx`` beside it."""
    path = Path(bundle_path)
    return path.with_name(f"{path.stem}-onnx")


def check_output(folder: str | os.PathLike[str]) -> Path:
    """Check before any work that a folder can be written; nothing is created.

    Raises:
        UnwritableOutputError: It cannot be made, or holds files that export did not write.
    """
    target = check_folder(folder)
    strangers = sorted(p.name for p in target.iterdir() if p.name not in NAMES) if (
        target.is_dir()
    ) else []  # fmt: skip
    if strangers:
        raise UnwritableOutputError(
            f"a new folder, or one of ONNX files only ({', '.join(NAMES)}), at {target}",
            f"{', '.join(strangers[:3])} in it",
            "name another folder: the whole folder is replaced",
        )
    return target


@contextmanager
def stage_artefacts(
    bundle: Bundle, folder: str | os.PathLike[str], target: Profile
) -> Iterator[Artefacts]:
    """Build and verify the ONNX files; put them in place when the block ends without an error.

    Args:
        bundle: The bundle.
        folder: Where the files go; it is made, or replaced as a whole.
        target: The board.

    Yields:
        The files, verified and not yet in place; what is done meanwhile, such as writing the
        bundle that names them, is not undone by a later error.

    Raises:
        UnwritableOutputError: The folder cannot be written.
        UsageError: The programs do not fit the board's runtime.
        CheckFailedError: A graph differs from the float engine.
    """
    out = check_output(folder)
    models = build_artefacts(bundle, target)
    report = check_artefacts(bundle, models)
    out.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        data = {kind: model.SerializeToString(deterministic=True) for kind, model in models.items()}
        files = _write_files(staged, data)
        yield Artefacts(out, target.name, files, report)
        _replace_folder(staged, out)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def write_artefacts(
    bundle: Bundle, folder: str | os.PathLike[str], target: Profile
) -> list[Artefact]:
    """Build, verify and write the ONNX files of a bundle; see :func:`stage_artefacts`."""
    with stage_artefacts(bundle, folder, target) as artefacts:
        pass
    return list(artefacts.files)


@dataclass(frozen=True)
class OnnxOutput:
    """Where ONNX files go and for which board, checked before any work.

    Attributes:
        folder: The folder; None for no files.
        target: The board.
    """

    folder: Path | None
    target: Profile

    @classmethod
    def checked(cls, folder: str | os.PathLike[str] | None, target: str) -> "OnnxOutput":
        """Check the folder and the name of the board.

        Raises:
            UnwritableOutputError: The folder cannot be written.
            UsageError: No such board.
        """
        profile = load_profile(target)
        return cls(None if folder is None else check_output(folder), profile)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folder that is written, if one is."""
        return () if self.folder is None else (self.folder,)

    @contextmanager
    def staged(self, bundle: Bundle) -> Iterator[Artefacts | None]:
        """As :func:`stage_artefacts`; yields None if no files are wanted."""
        if self.folder is None:
            yield None
            return
        with stage_artefacts(bundle, self.folder, self.target) as artefacts:
            yield artefacts


def _write_files(folder: Path, data: Mapping[str, bytes]) -> list[Artefact]:
    folder.chmod(0o755)
    files = []
    for kind, content in data.items():
        name = f"{kind}.onnx"
        write_atomically(folder / name, content)
        files.append(Artefact(name, kind, len(content), hashlib.sha256(content).hexdigest()))
    return files


def _replace_folder(staged: Path, out: Path) -> None:
    """Put a folder in the place of another; a crash in between leaves one of them, complete.

    Its writer is the only one: see :func:`bitprior_runtime.files.sole_writer`.
    """
    try:
        if not out.exists():
            staged.rename(out)
            return
        old = staged.with_name(f"{staged.name}.old")
        out.rename(old)
        try:
            staged.rename(out)
        except OSError:
            old.rename(out)
            raise
        shutil.rmtree(old)
    except OSError as error:
        raise UnwritableOutputError(
            f"to put the ONNX files in place at {out}",
            error.strerror or str(error),
            "choose another folder with --onnx",
        ) from error
