"""What the training of a photo prior is: every choice named, typed, validated."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bitprior_train.config import Positive, Ratio, RunConfig, Section, Weight

Bits = Literal[1, 2, 3, 4, 8, 32]
FLOAT = 32


class PhotoDataConfig(Section):
    """Which photos.

    Attributes:
        name: ``photos``: photos.npz of the folder BITPRIOR_DATA, with imagenette96 and coco128
            where they are there; ``dead-leaves``: drawn discs, a model of photos, for trials.
    """

    name: Literal["photos", "dead-leaves"] = "photos"


class PhotoQuantiserConfig(Section):
    """A quantiser of convolutions, as :func:`~bitprior_train.quantisers.weight_quantiser` reads it.

    Attributes:
        bits: Bit width.
        grid: Its levels, see :class:`~bitprior_train.config.QuantiserConfig`.
        scale: Trained, from where the squared quantisation error is least.
        granularity: A scale for every output channel.
    """

    bits: Bits
    grid: Literal["binary", "wide", "narrow", "mid-rise"]
    scale: Literal["learned"] = "learned"
    granularity: Literal["channel"] = "channel"

    @classmethod
    def of(cls, bits: int) -> "PhotoQuantiserConfig":
        """Return the grid that serves a bit width: with a zero, but for 1 and 2 bits."""
        grid = {1: "binary", 2: "mid-rise"}.get(bits, "wide")
        return cls.model_validate({"bits": bits, "grid": grid})


class PhotoModelConfig(Section):
    """Networks and search.

    Attributes:
        channels: Latent maps, and maps inside generator, penalty and start.
        steps: T, steps of the learned search.
        bits: Width of the three inner convolutions, almost all of the weights.
        edge_bits: Width of the convolutions from and to the image.
        linear_bits: Width of the linear synthesis D and of the start's S.
    """

    channels: Annotated[int, Field(ge=4)] = 64
    steps: Positive = 8
    bits: Bits = 32
    edge_bits: Bits = 32
    linear_bits: Bits = 32


class WideningConfig(Section):
    """How a prior of fewer bits or more channels starts from the run it is given.

    Attributes:
        smaller: Size of a copied latent map relative to its original.
        dither: How far copied rows are moved apart, relative to the mean of a row.
        equalise: Whether maps are scaled so that the columns that read them have equal means.
    """

    smaller: Ratio = 0.5
    dither: Annotated[float, Field(ge=0, le=2)] = 0.5
    equalise: bool = False


class PhotoLossConfig(Section):
    """The loss: the mean over crops of log(mean squared error + 1e-6).

    Attributes:
        between: Weight of the same of the image after a step drawn at random.
        distillation: Weight of the same with the image that the prior the run started from finds
            in the place of the photo.
    """

    between: Weight = 0.05
    distillation: Weight = 0.0


class PhotoOptimiserConfig(Section):
    """Muon for convolutions, Adam for the rest; cosine to a share of the rate.

    Attributes:
        lr: Root mean square of a convolution's update by Muon.
        adam_lr: Learning rate of biases, scales and schedule.
        floor: Share of the rates at the end.
        steps: Training steps.
        crops: Crops of 99 x 99 pixels a step; of other sizes as many as have the same area.
        norm_cap: A convolution's norm is kept below this multiple of He's.
    """

    lr: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    adam_lr: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    floor: Ratio = 0.02
    steps: Positive = 12000
    crops: Positive = 4
    norm_cap: Annotated[float, Field(gt=0)] = 1.5


class OperatorsConfig(Section):
    """Which random sensing operators are drawn, see :mod:`.operators`.

    Attributes:
        largest: Largest side of a block in pixels; the time to draw one grows with its sixth power.
    """

    largest: Annotated[int, Field(ge=8)] = 64


class PhotoValidationConfig(Section):
    """Recovery of validation photos whenever a checkpoint is written.

    Attributes:
        photos: How many, the first ones.
        block: Side in pixels of the blocks they are measured by.
    """

    photos: Annotated[int, Field(ge=1, le=20)] = 20
    block: Annotated[int, Field(ge=8, le=64)] = 33


class PhotoConfig(Section):
    """A whole training of a photo prior."""

    data: PhotoDataConfig = PhotoDataConfig()
    model: PhotoModelConfig = PhotoModelConfig()
    widening: WideningConfig = WideningConfig()
    loss: PhotoLossConfig = PhotoLossConfig()
    optimiser: PhotoOptimiserConfig = PhotoOptimiserConfig()
    operators: OperatorsConfig = OperatorsConfig()
    validation: PhotoValidationConfig = PhotoValidationConfig()
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _on_the_cpu(self) -> Self:
        if self.run.device == "cuda":
            raise ValueError("run.device 'cuda'; photo priors train on the CPU")
        return self
