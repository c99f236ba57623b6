"""Networks from anywhere as the source of an export: ONNX files, or a named operator."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_export.image_files import load_images
from bitprior_export.qonnx.document import open_onnx
from bitprior_export.qonnx.interface import take_flat, to_unit_range
from bitprior_export.qonnx.reader import Translation, translate
from bitprior_export.sensing_source import OpenedSensing, open_sensing
from bitprior_export.source import Source, check_chain, ends, sha256_by_name
from bitprior_export.step_size import find_step_size
from bitprior_runtime.bundle import FistaDefaults, SolverDefaults
from bitprior_runtime.bundle.manifest import InitialLatent, SolverName
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import UsageError
from bitprior_runtime.solvers import initial_latents
from bitprior_runtime.solvers.momentum import SHARE
from bitprior_runtime.solvers.solution import check_range

ValueRange: TypeAlias = Literal["-1,1", "0,1"]

UNKNOWN_LICENCE = "Unknown: ask who made the generator for the licence of its training data."
IMAGES = 12
# No validation images say how many are best.
STEPS: Mapping[SolverName, int] = {"fista": 100, "proximal": 200, "adam": 200, "lbfgs": 100}
# Other latents than those that recoveries start from.
HIDDEN_SEED, START_SEED = 1, 0
# How far outside [0,1] values may be: decoders without a last squashing overshoot a little.
_OVERSHOOT = 0.25
_UNUSUAL = re.compile(r"[^A-Za-z0-9_.+-]")


@dataclass(frozen=True)
class ForeignOptions:
    """What the user says of networks that bitprior did not train.

    Attributes:
        generator: ONNX file of the generator.
        sensing: ONNX file of the sensing network, or an operator such as ``gaussian:m=250``.
        value_range: Range of the generator's values.
        latent_distribution: Distribution that the generator takes latents from.
        images: Real images for the golden cases; None: images of the generator.
        weight_bits: Bits that the generator's float weights are quantised to, or None.
        sensing_bits: The same for the sensing network.
        name: The bundle's name; None: after the file.
        licence: Licence note of the training data.
        solver: The default solver.
        steps: Its steps; None: STEPS of it.
        step_size: beta of proximal steps; None: found by backtracking.
    """

    generator: Path
    sensing: str
    value_range: ValueRange = "0,1"
    latent_distribution: InitialLatent = "normal"
    images: Path | None = None
    weight_bits: int | None = None
    sensing_bits: int | None = None
    name: str | None = None
    licence: str = UNKNOWN_LICENCE
    solver: SolverName = "fista"
    steps: int | None = None
    step_size: float | None = None

    def __post_init__(self) -> None:
        for label, text, most in (("name", self.name, 128), ("licence", self.licence, 2**14)):
            if text is not None and (len(text) > most or not text.isprintable()):
                raise UsageError(
                    f"a {label} of at most {most} printable characters",
                    f"{text[:40]!a}, {len(text)} characters",
                    f"change --{label}",
                )
        if self.steps is not None:
            check_range("steps", self.steps, least=1)
        if self.step_size is not None:
            check_range("step-size", self.step_size, least=0, open_end=True)
        for name, bits in (("weight-bits", self.weight_bits), ("sensing-bits", self.sensing_bits)):
            if bits is not None:
                check_range(name, bits, least=1, below=9)


def foreign_source(options: ForeignOptions) -> Source:
    """Open networks that bitprior did not train, and try them out.

    Raises:
        MissingFileError: A file cannot be read.
        QonnxError, UnsupportedOpError: A network is not one a program can hold.
        UsageError: An option, the images or the range of the generator's values do not fit.
        CheckFailedError: No step along the gradient lowers the losses.
    """
    generator = _open_generator(options)
    _, geometry = ends(generator)
    measured = open_sensing(options.sensing, geometry, options.sensing_bits)
    sensing = measured.network
    check_chain(generator, sensing)
    engine = FloatEngine(generator.program, sensing.program)
    latents = _latents(generator, options.latent_distribution, HIDDEN_SEED)
    drawn = engine.generate(latents)
    _check_range(drawn, options.value_range)
    images, origin = drawn, f"drawn by the generator from latents of seed {HIDDEN_SEED}"
    if options.images is not None:
        images = load_images(options.images, (geometry[0], geometry[1], geometry[2]))
        origin = f"{ascii(options.images.name)[1:-1]}, {len(images)} images"
    step_size = options.step_size
    if step_size is None:
        starts = _latents(generator, options.latent_distribution, START_SEED)
        step_size = find_step_size(engine, engine.sense(drawn), starts)
    return Source(
        name=options.name or _UNUSUAL.sub("_", options.generator.stem)[:100],
        generator=generator,
        sensing=sensing,
        measurement=measured.kind,
        images=images,
        solver=SolverDefaults(
            step_size=step_size,
            steps=options.steps or STEPS[options.solver],
            initial_latent=options.latent_distribution,
            name=options.solver,
            fista=FistaDefaults(SHARE * step_size),
        ),
        licence=options.licence,
        training=_provenance(options, origin, measured),
    )


def _open_generator(options: ForeignOptions) -> Translation:
    model = take_flat(open_onnx(options.generator))
    if options.value_range == "-1,1":
        model = to_unit_range(model)
    return translate(model, "generator", "z", "x", options.weight_bits)


def _latents(generator: Translation, kind: InitialLatent, seed: int) -> NDArray[np.float32]:
    # A generator is not to be judged by one image, though recoveries start from zero; and
    # nothing is measured yet.
    one = kind == "measurement" or (kind == "zero" and seed == HIDDEN_SEED)
    drawn: InitialLatent = "normal" if one else kind
    (latents,) = initial_latents(IMAGES, ends(generator)[0][0], seed, kind=drawn)
    return np.asarray(latents)


def _check_range(images: NDArray[np.float32], said: ValueRange) -> None:
    low, high = float(images.min()), float(images.max())
    if not (low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT):  # also true for NaN
        if said == "-1,1":
            low, high = 2 * low - 1, 2 * high - 1
        raise UsageError(
            f"a generator with values in [{said}]",
            f"values from {low:.3g} to {high:.3g}",
            "give --range -1,1 or --range 0,1, or end the network with Tanh or Sigmoid",
        )


def _provenance(options: ForeignOptions, images: str, sensing: OpenedSensing) -> dict[str, Any]:
    return {
        "origin": "networks that bitprior did not train",
        "golden_images": images,
        "operator": sensing.operator,
        "value_range": options.value_range,
        "weight_bits_after_training": options.weight_bits,
        "sensing_bits_after_training": options.sensing_bits,
        "step_size": "given" if options.step_size is not None else "found by backtracking",
        "sources": sha256_by_name(options.generator, sensing.file),
    }
