"""One call of ``bitprior evaluate``: check everything, recover test images, write figures."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bitprior_runtime.cli.output import emit, progress_bar
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import check_writable, write_atomically
from bitprior_runtime.model import Model, load
from bitprior_runtime.proximal_defaults import bundle_options
from bitprior_runtime.solvers import ProximalOptions, initial_latents
from bitprior_train.baselines import fit_principal_components
from bitprior_train.data import Dataset, load_dataset, load_test_part
from bitprior_train.evaluate import Evaluation, evaluate, recovery_times
from bitprior_train.metrics import mean_of, psnr, ssim
from bitprior_train.provenance import commit


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        bundles: Bundles to evaluate.
        dataset: Data set whose test images are recovered.
        images: How many, from the front of the test part.
        seed: Seed of the start latents.
        restarts: Starts per image.
        steps: Solver steps; None: the bundle's.
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
    seed: int
    restarts: int
    steps: int | None
    engine: str
    kernel: str
    activation_bits: int | None
    components: int
    reference: Path | None
    out: Path | None

    @property
    def settings(self) -> dict[str, Any]:
        """Options of ``Model.recover``."""
        names = ("seed", "restarts", "steps", "engine", "kernel", "activation_bits")
        return {name: getattr(self, name) for name in names}


def run_evaluation(question: Question, *, json_mode: bool) -> None:
    """Evaluate bundles and print, and store, the figures."""
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
    times = recovery_times(models, found, **question.settings)
    rows = [
        {**_row(path, model, evaluation, data, question), "recovery_ms": milliseconds}
        for path, model, evaluation, milliseconds in zip(
            question.bundles, models, found, times, strict=True
        )
    ]
    result = {
        "dataset": data.name,
        "split_hash": data.split_hash,
        "resized": data.resized,
        "trained_on": sorted({_training(model)["dataset"] for model in models}),
        "part": f"test, first {question.images}",
        "seed": question.seed,
        "restarts": question.restarts,
        "commit": commit(),
        "rows": rows,
        "baselines": _baselines(data, models[0], question),
    }
    if question.out is not None:
        write_atomically(question.out, (json.dumps(result, indent=2) + "\n").encode())
    emit(result, _text(result), json_mode)


def _dataset(question: Question, models: Sequence[Model]) -> Dataset:
    """Load the data with the split the first bundle was trained on; of another set, its test part.

    The images of another data set are shrunk to the geometry of the first bundle.
    """
    if _training(models[0])["dataset"] == question.dataset:
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


def _training(model: Model) -> dict[str, Any]:
    """Return what the bundle says about its training."""
    training: Any = model.bundle.manifest.training
    return dict(training)


def _other_split(model: Model, data: Dataset) -> bool:
    """Say whether a prior was trained on the same data set, but not as it is split here.

    Then it may have been trained on these test images, e.g. if its archive was another one.
    """
    training = _training(model)
    return training["dataset"] == data.name and training.get("split_hash") != data.split_hash


def _training_data(model: Model) -> Dataset:
    """Load the data set a bundle was trained on, split and resized as then."""
    images = _training(model)["config"]["data"]
    size = images.get("size", 0)  # bundles of version 0.1.0 name none
    return load_dataset(images["name"], images["split_seed"], images["validation"], size)


def _evaluate(path: Path, model: Model, data: Dataset, question: Question) -> Evaluation:
    with progress_bar(f"Recovering with {path.name}") as progress:
        return evaluate(
            model,
            data.images(data.test[: question.images]),
            progress=progress,
            **question.settings,
        )


def _row(
    path: Path, model: Model, found: Evaluation, data: Dataset, question: Question
) -> dict[str, Any]:
    info = model.info
    row = {
        "bundle": path.name,
        "bits": info["bits"],
        "grid": info["grid"],
        "measurements": info["measurement"]["size"],
        "bytes": info["bytes"],
        **found.figures(),
        "other_split": _other_split(model, data),
        "training": info["training"],
    }
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


def _text(result: dict[str, Any]) -> str:
    part = f"{result['dataset']}, {result['part']} images"
    resized = "" if result["resized"] == "no" else f" ({result['resized']})"
    trained = " and ".join(result["trained_on"])
    lines = [f"Evaluated on {part}{resized}, seed {result['seed']}; trained on {trained}"]
    for row in result["rows"]:
        quality = f"PSNR {row['psnr']['mean']:.2f} ± {row['psnr']['half_width']:.2f} dB"
        cost = f"{row['bytes']['generator']:,} bytes of generator, {row['recovery_ms']:.1f} ms"
        ran = f"a recovery ({row['engine']}/{row['kernel']})"
        lines.append(f"  {row['bundle']}: {quality}, SSIM {row['ssim']['mean']:.4f}, {cost} {ran}")
        if row["other_split"]:
            warned = "test images may be among those it was trained on"
            lines.append(f"    trained on another split of {result['dataset']}: {warned}")
        if "torch" in row:
            lines.append(_parity_line(row["torch"]))
    for row in result["baselines"]:
        quality = f"PSNR {row['psnr']['mean']:.2f} dB, SSIM {row['ssim']['mean']:.4f}"
        lines.append(f"  {row['name']} (sees the image itself): {quality}")
    return "\n".join(lines)


def _parity_line(torch: dict[str, Any]) -> str:
    quality = f"{torch['psnr_torch']:.3f} dB against {torch['psnr_runtime']:.3f}"
    share = f"{torch['trace_rows']:.1%} of {torch['steps']}-step traces agree within 1e-3"
    exact = f"all of them within {torch['trace_float64']:.0e} in float64"
    gradient = f"gradients differ by {torch['gradient']:.1e}"
    return f"    torch, same y and z0: {quality}; {gradient}; {share}, {exact}"
