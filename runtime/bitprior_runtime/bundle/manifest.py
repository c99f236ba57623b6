"""The manifest: what a bundle says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bitprior_runtime.bundle.strict_json import Json
from bitprior_runtime.program import Node, Shape
from bitprior_runtime.tensors import Grid

# A reader of 1.n reads 1.0 to 1.n. Fixed for ever, in every major version: how the file begins
# (see envelope) and that the manifest has its version under "format".
FORMAT_MAJOR = 1
FORMAT_MINOR = 4
FORMAT = f"{FORMAT_MAJOR}.{FORMAT_MINOR}"
# The minor version that brought frames, searches, and priors that measure nothing by themselves.
MINOR_OF_FRAMES = 4

Granularity: TypeAlias = Literal["per-tensor", "per-channel"]
InitialLatent: TypeAlias = Literal["unit-normal", "normal", "clamped-normal", "zero", "measurement"]
Projection: TypeAlias = Literal["none", "unit-sphere"]
SolverName: TypeAlias = Literal["proximal", "fista", "adam", "lbfgs", "learned"]
ActivationBits: TypeAlias = Literal[8, 16]
ProgramName: TypeAlias = Literal["generator", "sensing", "start", "penalty"]
FLOAT_BITS = 32
# Kind of measurement of a prior that has no sensing network of its own.
NO_MEASUREMENT = "none"


@dataclass(frozen=True)
class Producer:
    """What wrote the bundle.

    Attributes:
        bitprior: Version of bitprior.
        versions: Versions of the packages behind it, by package name.
    """

    bitprior: str
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """The measurement operator A.

    Attributes:
        kind: What A is, e.g. ``"mlp"``; ``"none"``: the prior has none, A is the identity and the
            file has no sensing program.
        size: m, values of a measurement; C * H * W of the geometry if the kind is ``"none"``.
    """

    kind: str
    size: int


@dataclass(frozen=True)
class FistaDefaults:
    """What the solver ``fista`` runs with.

    Attributes:
        step_size: Its step size: a share of a learned one, which is too long with momentum.
        sparsity: s of P_s, or None for dense latents.
    """

    step_size: float
    sparsity: int | None = None


@dataclass(frozen=True)
class SolverDefaults:
    """How a recovery runs unless the user says otherwise.

    Attributes:
        step_size: beta of the solver ``proximal``: learned in training, or found at export.
        steps: Gradient steps of the solver ``name``.
        sparsity: s of P_s of the solver ``proximal``, or None for dense latents.
        initial_latent: Distribution of the start latents; ``measurement``: z0 = y, for k = m.
        name: The solver.
        projection: What follows P_s in every step of the solver ``proximal``.
        fista: What the solver ``fista`` runs with; None: it derives it from ``step_size``.
        selection: How name, steps, fista and the integer engine's width were chosen, as JSON; None:
            nothing was measured.
    """

    step_size: float
    steps: int = 50
    sparsity: int | None = None
    initial_latent: InitialLatent = "unit-normal"
    name: SolverName = "proximal"
    projection: Projection = "none"
    fista: FistaDefaults | None = None
    selection: Mapping[str, Json] | None = None


@dataclass(frozen=True)
class Tolerances:
    """How far a replay of the golden cases may be off on another machine.

    Attributes:
        image: Largest absolute difference of images in [0,1].
        measurement: Largest difference relative to the largest golden value.
        gradient: Largest difference relative to the largest golden value.
        trace: Largest difference of losses relative to the largest golden value.
    """

    image: float
    measurement: float
    gradient: float
    trace: float


@dataclass(frozen=True)
class Calibration:
    """Ranges of the activations, for engines that compute in integers.

    Attributes:
        activation_bits: Width of the generator's activations in the integer engine, unless the user
            says otherwise.
        absmax: Largest magnitude of activations by program and name, above zero.
        cotangent_bits: The same of cotangents, at most ``activation_bits``; None: as those.
    """

    activation_bits: ActivationBits
    absmax: Mapping[ProgramName, Mapping[str, float]]
    cotangent_bits: ActivationBits | None = None


@dataclass(frozen=True)
class Frames:
    """What a fully convolutional prior says of the frames it serves: all of them.

    Attributes:
        stride: Pixels of the image for one of the coarsest latent maps, along both axes; a frame
            is drawn on a canvas of the next multiples of it, and cropped.
    """

    stride: int


@dataclass(frozen=True)
class SearchOutline:
    """What the manifest says of a learned search; the rest is in blocks and programs.

    Attributes:
        mean: Mean of the photos' pixels, images in [0, 1].
    """

    mean: float


@dataclass(frozen=True)
class CodesEntry:
    """A quantised tensor as the manifest describes it; see ``QuantisedTensor``."""

    bits: int
    grid: Grid
    shape: Shape
    axis: int | None


@dataclass(frozen=True)
class FloatEntry:
    """A float32 tensor as the manifest describes it."""

    shape: Shape


TensorEntry: TypeAlias = CodesEntry | FloatEntry


@dataclass(frozen=True)
class ProgramEntry:
    """A program as the manifest describes it: all but the values of its tensors."""

    inputs: Mapping[str, Shape]
    output: str
    nodes: tuple[Node, ...]
    tensors: Mapping[str, TensorEntry]


@dataclass(frozen=True)
class Manifest:
    """All that a bundle says about itself but its programs.

    Attributes:
        name: The model's name, one line.
        producer: What wrote the bundle.
        geometry: (C, H, W) of the images.
        latent: k, size of the latent.
        measurement: The measurement operator.
        bits: The narrowest bit width that a quarter of the generator's quantised weights have; 32
            if it has none. Before format 1.4: the widest.
        grid: Grid of those tensors; None at 32 bits.
        granularity: Of their scales; None at 32 bits.
        solver: Solver defaults.
        tolerances: For replaying the golden cases.
        licence: Licence note of the training data.
        training: Where the weights come from: data set, split hash, config, seeds, commit.
        value_range: Of the images.
        latents: Shapes of the parts that the flat latent is made of, in order, by name; of an
            uncut generator the one part ``z``, which is also the default.
        calibration: Ranges of the activations, or None if nobody measured them.
        frames: The frames a fully convolutional prior serves; None: only its own geometry.
        search: Of a prior with a learned search; None: it has none.
        companions: SHA-256 of files exported beside the bundle, by file name.
        sha256: SHA-256 of every tensor block, by block name; the writer fills it in.
        digest: SHA-256 of the whole file, these digits read as zeros; the writer fills it in.
        format: Format version; the writer fills it in.
    """

    name: str
    producer: Producer
    geometry: tuple[int, int, int]
    latent: int
    measurement: Measurement
    bits: int
    grid: Grid | None
    granularity: Granularity | None
    solver: SolverDefaults
    tolerances: Tolerances
    licence: str
    training: Mapping[str, Json] = field(default_factory=dict)
    value_range: tuple[float, float] = (0.0, 1.0)
    latents: Mapping[str, Shape] = field(default_factory=dict)
    calibration: Calibration | None = None
    frames: Frames | None = None
    search: SearchOutline | None = None
    companions: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    digest: str = "0" * 64
    format: str = FORMAT

    def __post_init__(self) -> None:
        if not self.latents:
            object.__setattr__(self, "latents", {"z": (self.latent,)})
