"""What a training run is: every choice named, typed, validated, and written beside its results."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Ratio = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Widths = Annotated[tuple[Positive, ...], Field(min_length=1)]


class Section(BaseModel):
    """A table of the TOML file: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Section):
    """Which images, and how they are split.

    Attributes:
        name: Data set.
        size: Pixels a side that the images are shrunk to by area averaging; 0: as stored.
        split_seed: Seed of the split.
        validation: Number of training images set aside for validation.
    """

    name: Literal["mnist", "digits", "cifar10", "svhn", "stl10", "imagenette96", "celeba64"]
    size: Annotated[int, Field(ge=0)] = 0
    split_seed: Annotated[int, Field(ge=0)] = 0
    validation: Positive = 1000


class SystemConfig(Section):
    """Which method a run is, by name and by what sets it apart.

    Attributes:
        name: ``sdlss`` (at 1 to 4 bits Q-GEN) or ``dcs``, deep compressed sensing.
        projection: What follows P_s in every inner step, and z0: ``none``, or ``unit-sphere``.
        joint: Whether the sensing network learns from the whole loss, or from L_A alone.
    """

    name: Literal["sdlss", "dcs"] = "sdlss"
    projection: Literal["none", "unit-sphere"] = "none"
    joint: bool = False


class ModelConfig(Section):
    """The generator G and the sensing network A.

    Attributes:
        generator: ``mlp``: perceptron with LeakyReLU(0.2); ``dcgan``: transposed convolutions,
            for images of 32 x 32 or 64 x 64 pixels.
        sensing: ``mlp``, as above; ``conv``: 7 convolutions and a linear layer; ``gaussian``,
            N(0, 1/m), and ``rademacher``, +-1/sqrt(m): fixed matrices, which are not trained.
        phase: What is kept of a fixed matrix's measurements: ``none`` keeps their signs,
            ``amplitude`` |Ax| and ``squared`` |Ax|^2 do not (phase retrieval).
        sensing_seed: Seed of a fixed matrix.
        latent: k, length of z.
        hidden: Widths of an ``mlp`` generator's hidden layers.
        filters: Channels before the last layer of a ``dcgan``; those before it have 2, 4 (and, for
            64 x 64 pixels, 8) times as many. 64 is the size in the literature.
        sensing_hidden: Widths of an ``mlp`` sensing network's hidden layers.
        sensing_width: Factor on the channels of a ``conv`` sensing network; 1 is the size in the
            literature.
        spectral_norm: Whether a ``conv`` sensing network's weights are divided by their largest
            singular values.
        measurements: m, length of y.
        sparsity: s, non-zeros of z that P_s keeps; s = k keeps all.
    """

    generator: Literal["mlp", "dcgan"] = "mlp"
    sensing: Literal["mlp", "conv", "gaussian", "rademacher"] = "mlp"
    phase: Literal["none", "amplitude", "squared"] = "none"
    sensing_seed: Annotated[int, Field(ge=0)] = 0
    latent: Positive = 100
    hidden: Widths = (500, 500)
    filters: Positive = 32
    sensing_hidden: Widths = (500, 500)
    sensing_width: Ratio = 0.25
    spectral_norm: bool = True
    measurements: Positive = 100
    sparsity: Positive = 50

    @model_validator(mode="after")
    def _sparsity_fits(self) -> Self:
        if self.sparsity > self.latent:
            raise ValueError(f"sparsity {self.sparsity} is more than latent {self.latent}")
        if self.phase != "none" and not self.fixed_sensing:
            raise ValueError(
                f"phase {self.phase!r} with sensing {self.sensing!r}; "
                "it goes with 'gaussian' or 'rademacher'"
            )
        return self

    @property
    def fixed_sensing(self) -> bool:
        """Whether A is a fixed matrix: nothing of it is trained."""
        return self.sensing in ("gaussian", "rademacher")


class QuantiserConfig(Section):
    """Q_b: how the generator's weights become b-bit codes.

    Attributes:
        bits: b; 32 keeps float weights.
        grid: ``binary`` {-1, +1} for 1 bit; ``wide`` -2^(b-1)..2^(b-1)-1 or ``narrow``, the same
            without the lowest level, or ``mid-rise``, odd multiples of half
            a step and no zero, for 2 to 4; ``float`` for 32; ``default`` becomes the first of
            them that fits.
        scale: ``learned``: trained, starting where the squared quantisation error is least (at 1
            bit that is mean |w|); ``mean-abs``: mean |w|, recomputed each step, for 1 bit;
            ``max-abs``: the largest |w| over the grid's largest |q|, likewise, for 2 to 4;
            ``statistics`` becomes the one of these two that fits; ``none`` for 32;
            ``default`` becomes learned.
        granularity: One scale per output ``channel`` or per ``tensor``.
    """

    bits: Literal[1, 2, 3, 4, 32] = 32
    grid: Literal["default", "float", "binary", "wide", "narrow", "mid-rise"] = "default"
    scale: Literal["default", "none", "statistics", "mean-abs", "max-abs", "learned"] = "default"
    granularity: Literal["channel", "tensor"] = "channel"

    @model_validator(mode="after")
    def _choices_fit_the_bit_width(self) -> Self:
        grids, scales = {
            32: (("float",), ("none",)),
            1: (("binary",), ("learned", "mean-abs")),
        }.get(self.bits, (("wide", "narrow", "mid-rise"), ("learned", "max-abs")))
        # Defaults are resolved here, so that what is written down is what was run.
        for field, allowed in (("grid", grids), ("scale", scales)):
            value = getattr(self, field)
            if value == "default":
                object.__setattr__(self, field, allowed[0])
            elif value == "statistics":
                object.__setattr__(self, field, allowed[-1])
            elif value not in allowed:
                raise ValueError(
                    f"{field} {value!r} does not go with bits = {self.bits}; "
                    f"choose {' or '.join(repr(a) for a in allowed)}"
                )
        return self


class InnerConfig(Section):
    """The unrolled proximal steps inside one training step.

    Attributes:
        steps: T.
        step_size: Start of the learned step beta.
        order: ``second`` differentiates through the steps' gradients; ``first`` takes them as
            constants.
    """

    steps: Positive = 3
    step_size: Rate = 0.01
    order: Literal["first", "second"] = "second"


class LossConfig(Section):
    """Weights of L_G, L_A, L_GDL and distillation, and the form of the S-REC loss L_A.

    Attributes:
        measurement: Weight of L_G.
        s_rec: Weight of L_A.
        gradient_difference: Weight of L_GDL.
        distillation: Weight of the squared distance, summed over pixels, between the images of G
            and of the prior that the run started from, at the same latents z_T.
        mode: ``squared`` or ``hinge``.
        gamma: Isometry constant of S-REC.
        delta: Slack of S-REC.
    """

    measurement: Weight = 1.0
    s_rec: Weight = 1.0
    gradient_difference: Weight = 1.0
    distillation: Weight = 0.0
    mode: Literal["squared", "hinge"] = "squared"
    gamma: Weight = 1.0
    delta: Weight = 0.0


class FollowingConfig(Section):
    """What comes before Algorithm 1 at 1 to 4 bits: G follows the prior that the run starts from.

    Attributes:
        steps: Steps of it; 0: none.
        lr: Learning rate, which first rises over 200 steps.
        schedule: ``constant``, or ``cosine`` from ``lr`` to zero.
        batch: Latents per step.
        images: Training images, at most, that the prior recovers for its latents.
        jitter: Standard deviation of what is added to the latents' entries.
    """

    steps: Annotated[int, Field(ge=0)] = 0
    lr: Rate = 2e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    batch: Positive = 64
    images: Positive = 20000
    jitter: Weight = 0.05


class OptimiserConfig(Section):
    """The two Adams.

    Attributes:
        lr: Learning rate of θ and log β.
        sensing_lr: Learning rate of φ, relative to ``lr``. Less makes a plateau less noisy, as the
            generator has to follow every change of what it is measured with, but finds good
            measurements later.
        scale_lr: Learning rate of the quantisers' scales, relative to ``lr``: one scale moves a
            whole channel.
        betas: Adam's decay rates.
        batch: Images per step, of all processes together.
        steps: Training steps.
        schedule: ``constant``, or ``cosine`` from ``lr`` to zero.
        warmup: Steps over which the learning rate first rises linearly.
        clip_norm: Largest L2 norm of the whole gradient of each Adam, longer ones being shortened
            to it; 0: no limit.
    """

    lr: Rate = 1e-3
    sensing_lr: Ratio = 1.0
    scale_lr: Ratio = 0.05
    betas: tuple[Rate, Rate] = (0.9, 0.999)
    batch: Positive = 64
    steps: Positive = 20000
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup: Annotated[int, Field(ge=0)] = 0
    clip_norm: Weight = 0.0


class ValidationConfig(Section):
    """Recovery of validation images during training.

    Attributes:
        images: How many (the first of the validation split).
        every: Training steps between validations.
        steps: Numbers of proximal steps after which PSNR is logged; that after the most of them
            is the one that early stopping looks at.
        patience: Validations without a better PSNR after which the run stops early; it then ends
            with the weights of its best validation. 0: it never does, and ends with the last ones.
        min_delta: dB by which a PSNR must be better to count.
    """

    images: Positive = 200
    every: Positive = 1000
    steps: Widths = (10, 50)
    patience: Annotated[int, Field(ge=0)] = 0
    min_delta: Weight = 0.0


class RunConfig(Section):
    """How the run is carried out.

    Attributes:
        seed: Seed of weights, data order and z0.
        threads: CPU threads.
        device: ``cpu``, ``cuda``, or ``auto``: CUDA where there is one.
        precision: Of the networks in a training step: ``float32``, or ``bfloat16`` by torch's
            autocast. Weights, quantisers, losses and validation are of 32 bits either way.
        log_every: Training steps between logged losses.
        checkpoint_every: Training steps between checkpoints.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    threads: Positive = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    log_every: Positive = 50
    checkpoint_every: Positive = 500


class TrainConfig(Section):
    """A whole training run."""

    data: DataConfig
    system: SystemConfig = SystemConfig()
    model: ModelConfig = ModelConfig()
    quantiser: QuantiserConfig = QuantiserConfig()
    inner: InnerConfig = InnerConfig()
    loss: LossConfig = LossConfig()
    following: FollowingConfig = FollowingConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    validation: ValidationConfig = ValidationConfig()
    run: RunConfig = RunConfig()

    @property
    def follows(self) -> str:
        """Name of a setting for which the run needs a 32-bit one to follow; empty: none."""
        if self.loss.distillation:
            return "loss.distillation"
        return "following.steps" if self.following.steps else ""

    @model_validator(mode="after")
    def _fits_its_system(self) -> Self:
        if self.system.name == "dcs" and self.quantiser.bits != 32:
            raise ValueError(f"system 'dcs' with {self.quantiser.bits} bits; it has 32")
        if self.system.projection != "none" and self.model.sparsity != self.model.latent:
            raise ValueError(
                f"sparsity {self.model.sparsity} with system.projection "
                f"{self.system.projection!r}; set it to latent, {self.model.latent}"
            )
        return self

    @model_validator(mode="after")
    def _a_fixed_matrix_learns_nothing(self) -> Self:
        if self.model.fixed_sensing and self.loss.s_rec:
            # L_A teaches the sensing network. Resolved here, so that what is written is what ran.
            object.__setattr__(self, "loss", self.loss.model_copy(update={"s_rec": 0.0}))
        return self

    @model_validator(mode="after")
    def _validation_images_exist(self) -> Self:
        if self.validation.images > self.data.validation:
            raise ValueError(
                f"validation.images {self.validation.images} is more than "
                f"data.validation {self.data.validation}"
            )
        return self
