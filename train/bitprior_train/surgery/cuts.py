"""Generator Surgery in torch: G_0 = G_c(h_c(z)); without its first c blocks G_c is the prior.

Blocks are counted as in the paper's code, and as ``bitprior export --cut`` counts them: a DCGAN's
transposed convolutions, a VAE's up-sampling and convolution as one, every layer of a BEGAN.
"""

from collections.abc import Callable, Iterator
from math import prod
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from bitprior_runtime.errors import UsageError
from bitprior_train.dcgan import DCGANGenerator
from bitprior_train.priors.began import BEGANGenerator
from bitprior_train.priors.config import Kind
from bitprior_train.priors.vae import VAEDecoder

# What flows between blocks: the features, and a skip that a later block joins to them.
State = tuple[Tensor, ...]
_DCGAN_BLOCK, _VAE_BLOCK = 3, 4  # modules a block


class CutGenerator(nn.Module):
    """G_c, from one flat latent to images; it shares the weights of the whole generator.

    Args:
        blocks: Those of the whole generator, from :func:`blocks_of`.
        latent: k_0, of the whole generator.
        cut: c, how many of them to drop.

    Attributes:
        cut: c.
        parts: Shapes of the parts of the latent, in the order in which they lie in it: first the
            features, then, for a BEGAN cut between its first map and the last use of that, the
            skip. The paper's code keeps the skip also where no later layer reads it.
        variables: k_c, length of the latent.

    Raises:
        UsageError: There are not more than c blocks.
    """

    def __init__(self, blocks: list[nn.Module], latent: int, cut: int) -> None:
        if not 0 <= cut < len(blocks):
            raise UsageError(
                f"a cut of 0 to {len(blocks) - 1} of the {len(blocks)} blocks",
                f"{cut}",
                "cut fewer blocks",
            )
        super().__init__()
        self.cut = cut
        self.dropped, self.kept = nn.ModuleList(blocks[:cut]), nn.ModuleList(blocks[cut:])
        self.parts = self._shapes(latent)
        self.variables = sum(prod(part) for part in self.parts)

    def forward(self, z: Tensor) -> Tensor:
        """Return images [B, 3, H, W], nominally in [0, 1], of latents z_c [B, k_c]."""
        state: State = ()
        start = 0
        for part in self.parts:
            piece = z[:, start : start + prod(part)] if len(self.parts) > 1 else z
            state, start = (*state, piece.reshape(-1, *part)), start + prod(part)
        for block in self.kept:
            state = block(state)
        return state[0]

    def without_head(self) -> Self:
        """Forget the dropped blocks; then there is no h_c. Return this generator."""
        self.dropped = nn.ModuleList()
        return self

    def head(self, z: Tensor) -> Tensor:
        """Return h_c(z), the latent [B, k_c] that the dropped blocks make of z [B, k_0]."""
        return torch.cat([part.flatten(1) for part in self._drop(z)], dim=1)

    def _drop(self, z: Tensor) -> State:
        state: State = (z,)
        for block in self.dropped:
            state = block(state)
        return state

    def _shapes(self, latent: int) -> tuple[tuple[int, ...], ...]:
        modes = [(module, module.training) for module in self.dropped.modules()]
        device = next(self.parameters()).device
        with torch.no_grad():  # batch norms of one image only work on their running statistics
            self.dropped.eval()
            state = self._drop(torch.zeros(1, latent, device=device))
        for module, mode in modes:
            module.training = mode
        return tuple(tuple(part.shape[1:]) for part in state)


def cut(generator: nn.Module, kind: Kind, c: int) -> CutGenerator:
    """Cut the first c blocks off a generator of ``bitprior train --prior KIND``; 0: none.

    Args:
        generator: With torch's own layers or quantised ones; its weights are shared.
        kind: ``dcgan``, ``began`` or ``vae``.
        c: 0 to 4 for images of 64 x 64 and a DCGAN, 5 for a VAE, 10 for a BEGAN.

    Raises:
        UsageError: There are not more than c blocks.
    """
    blocks, latent = blocks_of(generator, kind)
    return CutGenerator(blocks, latent, c).train(generator.training)


def blocks_of(generator: nn.Module, kind: Kind) -> tuple[list[nn.Module], int]:
    """Return a generator as a chain of blocks, state to state, and its latent size k_0."""
    return _BLOCKS[kind](generator)


class _Layers(nn.Sequential):
    """Layers on the features; the skip, if there is one, passes by."""

    def forward(self, state: State) -> State:
        features: Tensor = super().forward(state[0])
        return features, *state[1:]


class _Fork(_Layers):
    """Layers on the features, which are also the skip."""

    def forward(self, state: State) -> State:
        return *super().forward(state), state[0]


class _Join(_Layers):
    """Layers on the features with the skip, up-sampled to the same side, joined to them."""

    def __init__(self, last: bool, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self._last = last

    def forward(self, state: State) -> State:
        features, skip = state
        scale = float(features.shape[-1] / skip.shape[-1])
        joined = torch.cat((features, interpolate(skip, scale_factor=scale, mode="nearest")), dim=1)
        after = super().forward((joined,))
        return after if self._last else (*after, skip)


class _ToUnitRange(nn.Module):
    """From [-1, 1] to [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 0.5 + 0.5


def _dcgan(generator: nn.Module) -> tuple[list[nn.Module], int]:
    assert isinstance(generator, DCGANGenerator)
    chunks = list(_chunks(generator.layers, _DCGAN_BLOCK))
    chunks[0].insert(0, nn.Unflatten(1, (generator.latent, 1, 1)))
    chunks[-1].append(_ToUnitRange())
    return [_Layers(*chunk) for chunk in chunks], generator.latent


def _vae(generator: nn.Module) -> tuple[list[nn.Module], int]:
    assert isinstance(generator, VAEDecoder)
    first = _Layers(generator.map, _Maps(generator.first))
    stages = [_Layers(*chunk) for chunk in _chunks(generator.stages, _VAE_BLOCK)]
    return [first, *stages, _Layers(*generator.image)], _inputs(generator.map)


def _began(generator: nn.Module) -> tuple[list[nn.Module], int]:
    assert isinstance(generator, BEGANGenerator)
    blocks: list[nn.Module] = [_Layers(generator.map, _Maps(generator.filters))]
    for index, stage in enumerate(generator.stages):
        assert isinstance(stage, nn.Sequential)
        layers = list(stage)
        up = nn.Upsample(scale_factor=2.0, mode="nearest")
        blocks += [_Layers(up) if index else _Fork(up)]
        last = index == len(generator.stages) - 1
        blocks += [_Join(last, *layers[:2]) if index else _Layers(*layers[:2])]
        blocks += [_Layers(*layers[2:])]
    return [*blocks, _Layers(*generator.image)], _inputs(generator.map)


def _chunks(layers: nn.Sequential, size: int) -> Iterator[list[nn.Module]]:
    every = list(layers)
    return (every[start : start + size] for start in range(0, len(every), size))


class _Maps(nn.Module):
    """From a vector to square maps of so many channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self._channels = channels

    def forward(self, x: Tensor) -> Tensor:
        side = round((x.shape[1] / self._channels) ** 0.5)
        return x.reshape(-1, self._channels, side, side)


def _inputs(linear: nn.Module) -> int:
    assert isinstance(linear, nn.Linear)  # brevitas' own is one, too
    return linear.in_features


_BLOCKS: dict[Kind, Callable[[nn.Module], tuple[list[nn.Module], int]]] = {
    "dcgan": _dcgan,
    "began": _began,
    "vae": _vae,
}
