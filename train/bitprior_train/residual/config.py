"""What the training of a linear-residual prior is: every choice named, typed, validated."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bitprior_train.config import DataConfig, Positive, Rate, Ratio, RunConfig, Section, Weight
from bitprior_train.photo.config import PhotoQuantiserConfig

Share = Annotated[float, Field(ge=0, le=1)]
FLOAT = 32


class ResidualDataConfig(DataConfig):
    """Which images; see :class:`~bitprior_train.config.DataConfig`.

    Attributes:
        extra: Archives whose ``train_x`` are trained on, too: ``BITPRIOR_DATA/<name>.npz``.
    """

    extra: tuple[str, ...] = ()


class ResidualModelConfig(Section):
    """The generator G(z) = mean + D z + R(mean + D z) and the sensing map A(x - mean).

    Attributes:
        kind: Always ``linear-residual``.
        measurements: m, length of y and, as a recovery starts at z = y, of the latent, too.
        filters: Channels of R.
        blocks: Residual blocks of R, of two 3 x 3 convolutions each.
        stride: R works at this fraction of the resolution.
    """

    kind: Literal["linear-residual"] = "linear-residual"
    measurements: Positive = 200
    filters: Positive = 64
    blocks: Positive = 4
    stride: Literal[2, 4] = 2


class ResidualQuantiserConfig(Section):
    """Bits of the generator's weights; scales are learned, one an output channel.

    Attributes:
        bits: Of the 3 x 3 convolutions of R.
        edge_bits: Of the two convolutions of R from and to the image; not at 32 bits.
        linear_bits: Of D, the linear synthesis; not at 32 bits.
    """

    bits: Literal[1, 2, 3, 4, 32] = 32
    edge_bits: Literal[1, 2, 3, 4, 8] = 8
    linear_bits: Literal[1, 2, 3, 4, 8] = 8

    def of(self, part: Literal["inner", "edge", "linear"]) -> PhotoQuantiserConfig | None:
        """Return how the weights of a part are quantised; None: not at all."""
        if self.bits == FLOAT:
            return None
        bits = {"inner": self.bits, "edge": self.edge_bits, "linear": self.linear_bits}[part]
        return PhotoQuantiserConfig.of(bits)


class ResidualOptimiserConfig(Section):
    """Muon for the inner convolutions, Adam for the rest; cosine from the rates to a share of them.

    Attributes:
        lr: Root mean square of a convolution's update by Muon, and learning rate of the rest of R.
        linear_lr: Learning rate of D and A, relative to ``lr``.
        scale_lr: Learning rate of the quantisers' scales, relative to ``lr``.
        floor: Share of the rates at the end.
        warmup: Steps over which the rates first rise linearly.
        batch: Images per step.
        steps: Training steps.
        clip_norm: Largest L2 norm of the gradient.
        norm_cap: A convolution's norm is kept below this multiple of He's.
        unrolled: Share of the run, at its end, in which G is trained at the latents that gradient
            steps of the recovery reach, not at z = y alone. The steps are constants to the
            training's gradient.
        flips: Whether half of the images are mirrored.
    """

    lr: Rate = 1e-3
    linear_lr: Ratio = 0.1
    scale_lr: Ratio = 0.05
    floor: Share = 0.02
    warmup: Annotated[int, Field(ge=0)] = 100
    batch: Positive = 32
    steps: Positive = 4000
    clip_norm: Weight = 1.0
    norm_cap: Annotated[float, Field(gt=0)] = 1.5
    unrolled: Share = 0.3
    flips: bool = True


class ResidualRecoveryConfig(Section):
    """The few gradient steps of a recovery, z <- z - beta grad ||y - A G(z)||^2 from z = y.

    Attributes:
        step_size: beta in training.
        steps: Most steps in training; one to so many are drawn.
        candidates: Step sizes of which the validation images choose one at the end.
        most: Steps of a validation.
    """

    step_size: Rate = 0.25
    steps: Positive = 2
    candidates: Annotated[tuple[Rate, ...], Field(min_length=1)] = (0.15, 0.25, 0.4)
    most: Positive = 4


class ResidualValidationConfig(Section):
    """Recovery of validation images during training.

    Attributes:
        images: How many, the first of the validation part.
        every: Training steps between validations.
    """

    images: Positive = 200
    every: Positive = 1000


class ResidualConfig(Section):
    """A whole training of a linear-residual prior."""

    data: ResidualDataConfig
    model: ResidualModelConfig = ResidualModelConfig()
    quantiser: ResidualQuantiserConfig = ResidualQuantiserConfig()
    optimiser: ResidualOptimiserConfig = ResidualOptimiserConfig()
    recovery: ResidualRecoveryConfig = ResidualRecoveryConfig()
    validation: ResidualValidationConfig = ResidualValidationConfig()
    run: RunConfig = RunConfig(precision="bfloat16")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.validation.images > self.data.validation:
            raise ValueError(
                f"validation.images {self.validation.images} is more than "
                f"data.validation {self.data.validation}"
            )
        return self
