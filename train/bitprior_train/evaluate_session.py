"""One call of ``bitprior evaluate``: check everything, recover test images, write figures."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_export.report import KIND
from bitprior_runtime.cli.output import emit, progress_bar
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.model import Model, load
from bitprior_runtime.proximal_defaults import bundle_options
from bitprior_runtime.solvers import ProximalOptions, initial_latents
from bitprior_train.baselines import fit_principal_components
from bitprior_train.data import Dataset, load_dataset, load_test_part
from bitprior_train.evaluate import Evaluation, evaluate, recovery_times
from bitprior_train.evaluate_rows import evaluation_row, sample_archive, training_of
from bitprior_train.evaluate_text import as_text
from bitprior_train.metrics import mean_of, psnr, ssim


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        bundles: Bundles to evaluate.
        dataset: Data set whose test images are recovered.
        images: How many, from the front of the test part.
        seed: Seed of the start latents.
        restarts: Starts per image.
        solver: Solver; None: the bundle's.
        steps: Solver steps; None: the bundle's.
        sparsity: s of P_s; None: the bundle's.
        engine: Engine that recovers.
        kernel: Its kernels.
        activation_bits: Of the integer engine; None: the bundle's.
        components: Principal components of the linear yardstick; 0: none.
        reference: Run to compare a single bundle with, in torch.
        out: JSON file for the figures.
    """

    bundles: Sequence[Path]
    dataset: str
    images: int
    seed: int = 0
    restarts: int = 1
    solver: str | None = None
    steps: int | None = None
    sparsity: int | None = None
    engine: str = "float"
    kernel: str = AUTO
    activation_bits: int | None = None
    components: int = 0
    reference: Path | None = None
    out: Path | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Options of ``Model.recover``."""
        names = ("seed", "restarts", "solver", "steps", "sparsity", "engine", "kernel")
        return {name: getattr(self, name) for name in (*names, "activation_bits")}

    @property
    def command(self) -> str:
        """The command line that asks it again, in the folder of the bundles."""
        words = ["bitprior", "evaluate", *(path.name for path in self.bundles)]
        options = {"dataset": self.dataset, "images": self.images, **self.settings}
        if self.components:
            options["components"] = self.components
        for name, value in options.items():
            if value is not None:
                words += [f"--{name.replace('_', '-')}", str(value)]
        return shlex.join(words)


def run_evaluation(question: Question, *, json_mode: bool) -> None:
    """Evaluate bundles and print, and store, the figures."""
    result = evaluate_bundles(question).result
    emit(result, as_text(result), json_mode)


@dataclass(frozen=True, eq=False)
class Answer:
    """What was found.

    Attributes:
        result: The figures, ready for JSON.
        samples: Images to show, as an .npz archive.
        measurements: What the first bundle measured, [N,m].
    """

    result: dict[str, Any]
    samples: bytes
    measurements: NDArray[np.float32]


def evaluate_bundles(question: Question) -> Answer:
    """Check everything, recover, and write the figures and images if they have a place.

    Raises:
        UsageError: The bundles, the data and the options do not fit each other.
        BundleError: A bundle is damaged.
    """
    if question.out is not None:
        check_writable(question.out)
    if question.reference is not None and len(question.bundles) != 1:
        raise UsageError(
            "one bundle with --reference", f"{len(question.bundles)}", "evaluate them one by one"
        )
    models = [load(path) for path in question.bundles]
    data = _dataset(question, models)
    found = [
        _evaluate(path, model, data, question)
        for path, model in zip(question.bundles, models, strict=True)
    ]
    times = recovery_times(models, found)
    rows = [
        _row(path, model, evaluation, milliseconds, data, question)
        for path, model, evaluation, milliseconds in zip(
            question.bundles, models, found, times, strict=True
        )
    ]
    result = {
        "kind": KIND,
        "dataset": data.name,
        "split_hash": data.split_hash,
        "resized": data.resized,
        "trained_on": sorted({str(training_of(model).get("dataset")) for model in models}),
        "part": f"test, first {question.images}",
        "seed": question.seed,
        "command": question.command,
        "rows": rows,
        "baselines": _baselines(data, models[0], question),
    }
    samples = sample_archive(found)
    if question.out is not None:
        write_atomically(question.out.with_suffix(".npz"), samples)
        write_atomically(question.out, (json.dumps(result, indent=1) + "\n").encode())
    return Answer(result, samples, found[0].measurements)


def _dataset(question: Question, models: Sequence[Model]) -> Dataset:
    """Load the data with the split the first bundle was trained on; of another set, its test part.

    The images of another data set are shrunk to the geometry of the first bundle.
    """
    if training_of(models[0]).get("dataset") == question.dataset:
        data = _training_data(models[0])
    else:
        _, height, width = models[0].geometry
        data = load_test_part(question.dataset, height if height == width else 0)
    for path, model in zip(question.bundles, models, strict=True):
        if model.geometry != data.geometry:
            raise UsageError(
                f"images {model.geometry} for {path}", f"{data.geometry}", "choose another data set"
            )
    if not 0 < question.images <= len(data.test):
        raise UsageError(
            f"1 to {len(data.test)} test images of {data.name}",
            str(question.images),
            "change --images",
        )
    return data


def _other_split(model: Model, data: Dataset) -> bool:
    """Say whether a prior was trained on the same data set, but not as it is split here.

    Then it may have been trained on these test images, e.g. if its archive was another one.
    """
    training = training_of(model)
    return training.get("dataset") == data.name and training.get("split_hash") != data.split_hash


def _training_data(model: Model) -> Dataset:
    """Load the data set a bundle was trained on, split and resized as then."""
    images = training_of(model)["config"]["data"]
    size = images.get("size", 0)  # bundles of version 0.1.0 name none
    extra = images.get("extra", ())
    return load_dataset(images["name"], images["split_seed"], images["validation"], size, extra)


def _evaluate(path: Path, model: Model, data: Dataset, question: Question) -> Evaluation:
    with progress_bar(f"Recovering with {path.name}") as progress:
        return evaluate(
            model,
            data.images(data.test[: question.images]),
            progress=progress,
            **question.settings,
        )


def _row(
    path: Path,
    model: Model,
    found: Evaluation,
    milliseconds: float,
    data: Dataset,
    question: Question,
) -> dict[str, Any]:
    row = evaluation_row(path.stem, model, found, milliseconds)
    row["other_split"] = _other_split(model, data)
    if question.reference is not None:
        row["torch"] = _parity(model, question, data)
    return row


def _parity(model: Model, question: Question, data: Dataset) -> dict[str, Any]:
    from bitprior_train.parity import compare_with_torch

    assert question.reference is not None
    images = data.images(data.test[: question.images])
    learned = bundle_options(model.bundle.manifest.solver, "proximal")
    options = ProximalOptions(**learned | ({"steps": question.steps} if question.steps else {}))
    z0 = initial_latents(len(images), model.bundle.manifest.latent, question.seed)[0]
    return asdict(compare_with_torch(model, question.reference, images, z0, options))


def _baselines(data: Dataset, model: Model, question: Question) -> list[dict[str, Any]]:
    """Recover with principal components, fitted to the images the first bundle was trained on."""
    if not question.components:
        return []
    images = data.images(data.test[: question.images])
    seen = data if len(data.train) else _training_data(model)
    linear = fit_principal_components(seen.images(seen.train), question.components)
    rows = []
    for name, count in (
        ("mean image", 0),
        (f"PCA, k = {question.components}", question.components),
    ):
        drawn = linear.project(images, count)
        quality, likeness = mean_of(psnr(drawn, images)), mean_of(ssim(drawn, images))
        rows.append({"name": name, "psnr": asdict(quality), "ssim": asdict(likeness)})
    return rows
