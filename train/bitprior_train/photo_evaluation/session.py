"""One call of ``bitprior evaluate`` on photos: check everything, recover, write figures."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bitprior_export.report import PHOTO_KIND
from bitprior_runtime.cli.output import emit, progress_bar
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.model import Model, load
from bitprior_runtime.sensing.covariance import Covariance, covariance_of
from bitprior_runtime.sensing.operator import Shape
from bitprior_train.photo_evaluation.evaluation import (
    Bench,
    Components,
    Found,
    decode_photos,
    recover_photos,
    set_up,
)
from bitprior_train.photo_evaluation.linear import BlockComponents
from bitprior_train.photo_evaluation.measuring import Sensing
from bitprior_train.photo_evaluation.photos import PhotoSet, data_folder, load_photo_set
from bitprior_train.photo_evaluation.rows import photo_row, picture_archive, prior_facts
from bitprior_train.photo_evaluation.text import as_text

# Pictures are those of the operator that measures nearest to this share of the pixels.
_SHOWN_RATIO = 0.1


@dataclass(frozen=True)
class PhotoQuestion:
    """What was asked.

    Attributes:
        bundles: Priors that serve any frame.
        dataset: Set of photos.
        operators: Texts of operators.
        noise: Share of the root mean square of what is measured.
        seed: Seed of the noise.
        images: Photos, from the front.
        solver: Solver; None: the bundle's.
        steps: Its steps; None: the bundle's.
        engine: Engine that recovers.
        kernel: Its kernels.
        activation_bits: Of the integer engine; None: the bundle's.
        out: JSON file for the figures.
    """

    bundles: Sequence[Path]
    dataset: str
    operators: Sequence[str]
    noise: float = 0.0
    seed: int = 0
    images: int = 1000
    solver: str | None = None
    steps: int | None = None
    engine: str = "float"
    kernel: str = AUTO
    activation_bits: int | None = None
    out: Path | None = None
    sensings: Sequence[Sensing] = field(init=False)

    def __post_init__(self) -> None:
        sensings = [Sensing(text, self.noise, self.seed) for text in self.operators]
        object.__setattr__(self, "sensings", sensings)

    @property
    def settings(self) -> dict[str, Any]:
        """Options of ``Model.recover`` that were given."""
        names = ("solver", "steps", "engine", "kernel", "activation_bits")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def command(self) -> str:
        """The command line that asks it again, in the folder of the bundles and matrices."""
        words = ["bitprior", "evaluate", *(path.name for path in self.bundles)]
        words += ["--dataset", self.dataset]
        for sensing in self.sensings:
            words += ["--operator", sensing.shown]
        options = {"noise": self.noise, "seed": self.seed, "images": self.images, **self.settings}
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", f"{value}"]
        return shlex.join(words)


@dataclass(frozen=True, eq=False)
class PhotoAnswer:
    """What was found.

    Attributes:
        result: The figures, ready for JSON.
        pictures: Photos to show, as an .npz archive; None: they are too large.
    """

    result: dict[str, Any]
    pictures: bytes | None


def run_photo_evaluation(question: PhotoQuestion, *, json_mode: bool) -> None:
    """Evaluate priors on photos and print, and store, the figures."""
    if question.out is not None:
        check_writable(question.out)
    models = {path.stem: load(path) for path in question.bundles}
    check_frames(models)
    photos = load_photo_set(question.dataset).first(question.images)
    answer = evaluate_photos(question, models, photos, _components())
    if question.out is not None:
        write_answer(question.out, answer)
    emit(answer.result, as_text(answer.result), json_mode)


def check_frames(models: Mapping[str, Model]) -> None:
    """Refuse priors that serve one frame only.

    Raises:
        UsageError: There is one.
    """
    for name, model in models.items():
        if model.bundle.manifest.frames is None:
            raise UsageError(
                f"priors that serve any frame, for photos, {name} among them",
                f"images {model.geometry}",
                "evaluate it on a data set of such images, without --operator",
            )


def write_answer(out: Path, answer: PhotoAnswer) -> None:
    """Write the figures, and the pictures beside them."""
    if answer.pictures is not None:
        write_atomically(out.with_suffix(".npz"), answer.pictures)
    write_atomically(out, (json.dumps(answer.result, indent=1) + "\n").encode())


def evaluate_photos(
    question: PhotoQuestion,
    models: Mapping[str, Model],
    photos: PhotoSet,
    components: Components | None,
) -> PhotoAnswer:
    """Measure photos by each operator and recover them with each prior.

    Args:
        question: What was asked.
        models: The priors by name.
        photos: The photos.
        components: Gives the principal components of blocks; None: they are left out.

    Raises:
        UsageError: Operators, priors and photos do not fit each other.
    """
    benches = [set_up(photos, sensing) for sensing in question.sensings]
    covariance = covariance_for(list(models.values()))
    rows: list[dict[str, Any]] = []
    pictures: dict[int, dict[int, Found]] = {}
    for index, bench in enumerate(benches):
        of_bench = pictures.setdefault(index, {})
        for stem, model in models.items():
            with progress_bar(f"{stem}, {bench.sensing.shown}"):
                found = recover_photos(model, bench, question.settings)
            of_bench[len(rows)] = found
            row = photo_row("prior", bench, found)
            rows.append(row | {"prior": prior_facts(stem, model, found)})
        for name, found in decode_photos(bench, covariance, components).items():
            of_bench[len(rows)] = found
            rows.append(photo_row(name, bench, found) | {"prior": None})
    result = {
        "kind": PHOTO_KIND,
        "dataset": photos.name,
        "part": photos.part,
        "photos": list(photos.names),
        "photo_digest": photos.digest,
        "seed": question.seed,
        "command": question.command,
        "rows": rows,
    }
    shown = min(range(len(benches)), key=lambda index: _from_shown(benches[index]))
    return PhotoAnswer(result, picture_archive(benches[shown], pictures[shown]))


def _from_shown(bench: Bench) -> float:
    return abs(bench.rows / bench.pixels - _SHOWN_RATIO)


def covariance_for(models: Sequence[Model]) -> Covariance:
    """Return the covariance of photos that a prior holds, else that of the training photos."""
    for model in models:
        search = model.bundle.search
        if search is not None:
            return search.covariance
    from bitprior_train.photo.photos import load_photos

    return covariance_of(load_photos(data_folder()).main.astype("float32") / 255)


def _components() -> Components:
    """Return what fits principal components on the training photos, each block's side once."""
    from bitprior_train.photo.photos import load_photos

    training = cache(lambda: load_photos(data_folder()).main)

    @cache
    def components(block: Shape) -> BlockComponents:
        return BlockComponents(training(), block)

    return components
