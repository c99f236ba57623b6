"""Leave a torch module as it was found, whatever happens in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

# Containers that nn.Module changes in place; all other attributes are only ever replaced.
_CONTAINERS = ("_parameters", "_buffers", "_modules")


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put ``module`` in eval mode without gradients; each submodule gets its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad():
            yield
    finally:
        # Parents come first, so a child's mode has the last word.
        for part, mode in modes:
            part.train(mode)


@contextmanager
def preserved(module: nn.Module) -> Iterator[None]:
    """Restore every attribute of ``module`` and its submodules at the end, also on an error.

    That is ``requires_grad`` of each parameter, modes, hooks, and the export handlers, export
    modes and caches that brevitas sets for an export and takes back only when nothing goes wrong.
    Values inside tensors are not copied: an eval-mode forward pass does not change them.
    """
    attributes = [(part, _snapshot(part)) for part in module.modules()]
    requires_grad = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        yield
    finally:
        for part, snapshot in attributes:
            _restore(part, snapshot)
        for parameter, required in requires_grad:
            parameter.requires_grad_(required)


def _snapshot(part: nn.Module) -> dict[str, Any]:
    snapshot = dict(vars(part))
    for name in _CONTAINERS:
        snapshot[name] = dict(snapshot[name])
    return snapshot


def _restore(part: nn.Module, snapshot: dict[str, Any]) -> None:
    attributes = vars(part)
    containers = {name: attributes[name] for name in _CONTAINERS}
    for name, container in containers.items():
        container.clear()
        container.update(snapshot[name])
    attributes.clear()
    attributes.update(snapshot)
    attributes.update(containers)
