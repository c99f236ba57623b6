"""What the training of a prior is: every choice named, typed, validated, written to config.toml."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bitprior_train.config import (
    DataConfig,
    Positive,
    QuantiserConfig,
    Rate,
    Ratio,
    RunConfig,
    Section,
    Weight,
)

Kind = Literal["dcgan", "began", "vae"]


class PriorModelConfig(Section):
    """The generator and what judges it.

    Attributes:
        kind: ``dcgan``, ``began`` or ``vae``.
        latent: k, length of z.
        filters: Channels before the last layer of a ``dcgan``, of all maps of a ``began``, of the
            last maps of a ``vae``.
        critic_filters: The same of the critic, or of the VAE's encoder.
        cut: Blocks that the generator lacks from the start (Generator Surgery's counter-example);
            its latent is then what they would have made. Not of a ``vae``: its encoder makes z.
    """

    kind: Kind
    latent: Positive
    filters: Positive
    critic_filters: Positive
    cut: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _encoders_make_z(self) -> Self:
        if self.kind == "vae" and self.cut:
            raise ValueError("model.cut of a vae; only a dcgan or began can be trained cut")
        return self


class PriorOptimiserConfig(Section):
    """Adam, one for the generator and one for what judges it.

    Attributes:
        lr: Learning rate.
        beta1: Adam's decay rate of the gradient's mean; 0.999 is that of its square.
        batch: Images per step.
        steps: Training steps.
        schedule: ``constant``, or ``cosine`` from ``lr`` to ``lr * floor``.
        floor: See ``schedule``.
        weight_decay: Of AdamW.
        scale_lr: Learning rate of the quantisers' scales, relative to ``lr``.
    """

    lr: Rate = 2e-4
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.5
    batch: Positive = 64
    steps: Positive = 20000
    schedule: Literal["constant", "cosine"] = "constant"
    floor: Annotated[float, Field(ge=0, le=1)] = 0.0
    weight_decay: Weight = 0.0
    scale_lr: Ratio = 0.05


class BalanceConfig(Section):
    """BEGAN's balance of generator and critic: k_{t+1} = k_t + rate (gamma L(x) - L(G(z))).

    Attributes:
        gamma: Diversity ratio.
        rate: lambda_k.
    """

    gamma: Ratio = 0.5
    rate: Rate = 1e-3


class PriorConfig(Section):
    """A whole training of a prior."""

    data: DataConfig
    model: PriorModelConfig
    quantiser: QuantiserConfig = QuantiserConfig()
    optimiser: PriorOptimiserConfig = PriorOptimiserConfig()
    balance: BalanceConfig = BalanceConfig()
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _batch_norms_need_two(self) -> Self:
        if self.optimiser.batch < 2:
            raise ValueError("optimiser.batch 1; batch norms need 2 or more")
        return self
