"""Running statistics of batch norms, when a network is called with weights that are not its own."""

from torch import Tensor, nn
from torch.func import functional_call

_MOMENTUM = 0.1


def has_statistics(network: nn.Module) -> bool:
    """Return whether a network has batch norms."""
    return any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


def update_statistics(
    network: nn.Module, twin: nn.Module, parameters: dict[str, Tensor], inputs: Tensor
) -> None:
    """Let the batch norms of ``network`` see one batch.

    Args:
        network: Its buffers are updated: a plain mean over the first batches, then a moving one.
        twin: The same network of plain layers, without weights; left in eval mode.
        parameters: What to call ``twin`` with, by name, the buffers of ``network`` included.
        inputs: The batch.
    """
    buffers = {n: b for n, b in network.named_buffers() if n in parameters}
    # Copies: functional_call changes what it is given, and gives nothing back.
    seen = {n: b.clone() for n, b in buffers.items()}
    for name, layer in twin.named_modules():
        if isinstance(layer, nn.BatchNorm2d):
            count = int(seen[f"{name}.num_batches_tracked"])
            layer.momentum = max(_MOMENTUM, 1 / (count + 1))
    plain = {n: t.detach() for n, t in parameters.items()} | seen
    twin.train()
    try:
        functional_call(twin, plain, (inputs.detach(),))
    finally:
        twin.eval()
    for name, buffer in buffers.items():
        buffer.copy_(seen[name])
