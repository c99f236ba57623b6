"""A start for a wider or lower-bit photo prior from a trained one: the same search, in other maps.

Three freedoms leave every image of a search as it is:

* Latent map i may be held as any number of copies e_j z_i, if what reads them has its columns
  multiplied by a_j with sum_j a_j e_j = 1, and the steps of copy j by e_j / a_j.
* A map between two convolutions with a relu may be copied and scaled likewise, as relu(p x) is
  p relu(x) for p > 0.
* Maps of the penalty may be copied, if their slopes are divided by the number of copies.

The scales are chosen so that the columns of a quantised convolution, which share one scale along
its rows, have equal means (cross-layer equalisation, M. Nagel et al., 2019). A copy of half the
size beside its original lets two 1-bit weights act as one of 2 bits. Rows of which there are
copies are moved apart from each other (`dither`), or their signs would never differ.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from bitprior_runtime.errors import UsageError

Tensors = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Copies:
    """How maps are copied: map j of the new ones is ``size[j]`` times map ``source[j]`` of the old.

    Attributes:
        source: Old maps, [new].
        size: e or p, [new], above 0.
        share: a or q, [new]: what readers multiply by; the copies of a map have sum a e = 1.
        count: Copies that the map has in all, [new].
    """

    source: Tensor
    size: Tensor
    share: Tensor
    count: Tensor

    def rows(self, weight: Tensor) -> Tensor:
        """Return the weight, whose rows make the maps, for the new maps."""
        return _along(weight[self.source], self.size, 0)

    def columns(self, weight: Tensor) -> Tensor:
        """Return the weight, whose columns read the maps, for the new maps."""
        return _along(weight[:, self.source], self.share, 1)

    def by_map(self, values: Tensor) -> Tensor:
        """Return factors [T, maps] of a gradient's steps for the new maps."""
        return values[:, self.source] * (self.size / self.share)


def copies(channels: int, importance: Tensor, magnitude: Tensor, smaller: float) -> Copies:
    """Choose which maps are copied: the most important ones, as often as needed.

    Args:
        channels: New number of maps, at least the old one.
        importance: By old map.
        magnitude: By old map: mean of the columns that read it; they come out equal.
        smaller: Size of a copy, relative to the copy before it.
    """
    old = len(importance)
    order = torch.argsort(importance, descending=True, stable=True)
    size = magnitude / magnitude.log().mean().exp()
    sources, sizes, left = [torch.arange(old)], [size], channels - old
    factor = smaller
    while left > 0:
        chosen = torch.sort(order[:left]).values
        sources.append(chosen)
        sizes.append(factor * size[chosen])
        factor, left = factor * smaller, left - len(chosen)
    source, found = torch.cat(sources), torch.cat(sizes)
    total = torch.zeros(old).index_add(0, source, found)
    count = torch.zeros(old).index_add(0, source, torch.ones_like(found))
    return Copies(source, found, 1 / total[source], count[source])


def widened(
    tensors: Tensors, channels: int, smaller: float, dither: float, seed: int, equalise: bool = True
) -> Tensors:
    """Return the weights and schedule of a prior of more channels with the same search.

    Args:
        tensors: State of a :class:`~bitprior_train.photo.networks.PhotoNetworks`; scales of
            quantisers are left out, which begin anew from the weights.
        channels: At least as many as it has; the same number only equalises.
        smaller: Size of a latent copy relative to its original, above 0.
        dither: Standard deviation of what is added to one copy of a row and taken from the other,
            relative to the mean of the row; with 0 the search is the same up to rounding.
        seed: Of the dither.
        equalise: Whether maps are scaled so that all columns that read them have equal means.

    Raises:
        UsageError: The prior has more channels.
    """
    t = {name: value.float() for name, value in tensors.items() if "scaling_impl" not in name}
    hidden, penalty = t["generator.hidden.weight"], t["penalty.weight"]
    second, residual = t["start.second.weight"], t["generator.residual.weight"]
    old = len(hidden)
    if channels < old:
        raise UsageError(
            f"model.channels of at least {old}, as the run to start from has",
            str(channels),
            "raise it, or start from another run",
        )
    reads = (_column_mean(hidden) * _column_mean(penalty)).sqrt()
    draws, last, equal = _column_mean(residual), _column_mean(second), torch.ones(old)
    latent = copies(channels, reads * _row_mean(second), reads if equalise else equal, smaller)
    inside = copies(channels, _row_mean(hidden) * draws, draws if equalise else equal, 1)
    first = copies(
        channels, _row_mean(t["start.first.weight"]) * last, last if equalise else equal, smaller
    )
    slope = t["schedule.slope"]
    strength = slope[..., 0].abs().mean(dim=0) * _row_mean(penalty) ** 2
    pulls = copies(channels, strength, equal, 1)
    random = torch.Generator().manual_seed(seed)
    new = {
        "generator.linear.weight": latent.columns(t["generator.linear.weight"]),
        "generator.hidden.weight": latent.columns(
            _apart(inside, inside.rows(hidden), dither, random)
        ),
        "generator.hidden.bias": inside.rows(t["generator.hidden.bias"]),
        "generator.residual.weight": inside.columns(residual),
        "penalty.weight": latent.columns(_apart(pulls, pulls.rows(penalty), dither, random)),
        "start.skip.weight": latent.rows(t["start.skip.weight"]),
        "start.first.weight": first.rows(t["start.first.weight"]),
        "start.first.bias": first.rows(t["start.first.bias"]),
        "start.second.weight": first.columns(latent.rows(second)),
        "schedule.step_size": latent.by_map(t["schedule.step_size"]),
        "schedule.shrinkage": latent.by_map(t["schedule.shrinkage"]),
        "schedule.slope": slope[:, pulls.source] / pulls.count[:, None],
        "schedule.threshold": t["schedule.threshold"][:, pulls.source],
    }
    return t | new


def _apart(maps: Copies, weight: Tensor, dither: float, random: torch.Generator) -> Tensor:
    """Move copied rows apart from each other, their mean staying where it is."""
    noise = torch.randn(int(maps.source.max()) + 1, *weight.shape[1:], generator=random)
    noise = noise[maps.source] * weight.abs().mean(dim=(1, 2, 3), keepdim=True) * dither
    sign = torch.zeros(len(maps.source))
    seen: dict[int, int] = {}
    for index, source in enumerate(maps.source.tolist()):
        turn = seen[source] = seen.get(source, -1) + 1
        alone = turn % 2 == 0 and turn + 1 == int(maps.count[index])  # of an odd number the last
        sign[index] = 0.0 if alone else (-1.0) ** turn
    return weight + noise * sign[:, None, None, None]


def _along(weight: Tensor, factors: Tensor, axis: int) -> Tensor:
    shape = [1] * weight.ndim
    shape[axis] = -1
    return weight * factors.reshape(shape)


def _column_mean(weight: Tensor) -> Tensor:
    return weight.abs().mean(dim=(0, 2, 3)) + 1e-12


def _row_mean(weight: Tensor) -> Tensor:
    return weight.abs().mean(dim=(1, 2, 3)) + 1e-12
