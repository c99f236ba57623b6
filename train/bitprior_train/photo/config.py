"""What the training of a photo prior is: every choice named, typed, validated."""

from typing import Annotated, Literal

from pydantic import Field

from bitprior_train.config import Positive, Ratio, RunConfig, Section

Bits = Literal[1, 2, 3, 4, 8, 32]


class PhotoQuantiserConfig(Section):
    """A quantiser of convolution weights, as :func:`~bitprior_train.quantisers.weight_quantiser` reads it."""

    bits: Bits
    grid: Literal["binary", "wide", "narrow", "mid-rise"]
    scale: Literal["learned"] = "learned"
    granularity: Literal["channel"] = "channel"

    @classmethod
    def of(cls, bits: int) -> "PhotoQuantiserConfig":
        """Return the grid that serves a bit width: 2 bits have no zero, as all others above 1 have one."""
        grid = {1: "binary", 2: "mid-rise"}.get(bits, "wide")
        return cls.model_validate({"bits": bits, "grid": grid})


class PhotoModelConfig(Section):
    """Networks and search.

    Attributes:
        channels: Latent maps.
        steps: T, steps of the learned search.
        bits: Width of the three inner convolutions, almost all of the weights.
        edge_bits: Width of the convolutions from and to the image.
        linear_bits: Width of the linear synthesis D and of the start's S.
    """

    channels: Positive = 64
    steps: Positive = 8
    bits: Bits = 32
    edge_bits: Bits = 32
    linear_bits: Bits = 32


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


class PhotoConfig(Section):
    """A whole training of a photo prior."""

    model: PhotoModelConfig = PhotoModelConfig()
    widening: WideningConfig = WideningConfig()
    optimiser: PhotoOptimiserConfig = PhotoOptimiserConfig()
    run: RunConfig = RunConfig()
