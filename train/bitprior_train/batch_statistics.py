"""Running statistics of batch norms, when a network is called with weights that are not its own."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from bitprior_train.distributed import Ranks

_MOMENTUM = 0.1
_ALONE = Ranks()


def has_statistics(network: nn.Module) -> bool:
    """Return whether a network has batch norms."""
    return any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


def update_statistics(
    network: nn.Module,
    twin: nn.Module,
    parameters: Mapping[str, Tensor],
    inputs: Tensor,
    ranks: Ranks = _ALONE,
) -> None:
    """Let the batch norms of ``network`` see one batch.

    Args:
        network: Its buffers are updated: a plain mean over the first batches, then a moving one.
        twin: The same network of plain layers, without weights, in eval mode.
        parameters: What to call ``twin`` with, by name, the buffers of ``network`` included.
        inputs: The batch, or this process's share of it.
        ranks: The processes that share the batch; all see the statistics of the whole.
    """
    buffers = {n: b for n, b in network.named_buffers() if n in parameters}
    # Copies: each norm writes the batch's moments into its own, and is normalised by them.
    seen = {n: b.clone() for n, b in buffers.items()}
    norms = {n: layer for n, layer in twin.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    batch = {name: _BatchMoments(ranks) for name in norms}
    hooks = [norm.register_forward_pre_hook(batch[name]) for name, norm in norms.items()]
    try:
        plain = {n: t.detach() for n, t in parameters.items()} | seen
        functional_call(twin, plain, (inputs.detach(),))
    finally:
        for hook in hooks:
            hook.remove()
    for name, moments in batch.items():
        count = buffers[f"{name}.num_batches_tracked"]
        momentum = max(_MOMENTUM, 1 / (int(count) + 1))
        unbiased = moments.values / (moments.values - 1)
        buffers[f"{name}.running_mean"].lerp_(seen[f"{name}.running_mean"], momentum)
        buffers[f"{name}.running_var"].lerp_(seen[f"{name}.running_var"] * unbiased, momentum)
        count += 1


class _BatchMoments:
    """Before a batch norm: gives it mean and variance of its inputs, over all processes.

    Attributes:
        values: How many values a channel they are of.
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self.values = 0

    def __call__(self, norm: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        (x,) = arguments
        self.values = x.numel() // x.shape[1] * self._ranks.size
        (mean,) = self._ranks.means([x.mean((0, 2, 3))])
        # From the mean of all: squares of values far from zero would leave no digits.
        centred = x - mean[:, None, None]
        (variance,) = self._ranks.means([centred.square().mean((0, 2, 3))])
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
