"""What torch computes: the output of every leaf module in call order, and quantised weights."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from bitprior_export.qonnx.module_state import evaluating


@dataclass
class Recording:
    """One forward pass of a module.

    Attributes:
        calls: Outputs of each leaf module by its path, one for each call.
        weights: Quantised weights by the path of their layer.
        passive: Paths of leaf modules that handed their input on unchanged (Dropout, Identity).
        output: What the module returned.
    """

    calls: dict[str, list[NDArray[Any]]] = field(default_factory=lambda: defaultdict(list))
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    passive: set[str] = field(default_factory=set)
    output: NDArray[Any] = field(default_factory=lambda: np.empty(0))


def leaf_modules(module: nn.Module) -> dict[str, nn.Module]:
    """Return the modules that compute: those without submodules, and quantised layers.

    A quantised layer's submodules are its quantisers.
    """
    leaves: dict[str, nn.Module] = {}
    inside: list[str] = []
    for path, part in module.named_modules():
        if any(path.startswith(prefix) for prefix in inside):
            continue
        if is_quantised(part):
            inside.append(f"{path}." if path else "")
            leaves[path] = part
        elif not any(part.children()):
            leaves[path] = part
    return leaves


def record(module: nn.Module, value: Tensor) -> Recording:
    """Run ``module`` in eval mode on ``value`` and return what its leaf modules did."""
    recording = Recording()
    leaves = leaf_modules(module)
    hooks = [leaf.register_forward_hook(_hook(recording, path)) for path, leaf in leaves.items()]
    try:
        with evaluating(module):
            recording.output = _array(module(value))
            for path, leaf in leaves.items():
                if is_quantised(leaf) and leaf.weight_quant.is_quant_enabled:  # type: ignore[union-attr]
                    recording.weights[path] = _array(leaf.quant_weight())  # type: ignore[operator]
    finally:
        for hook in hooks:
            hook.remove()
    return recording


def is_quantised(part: nn.Module) -> bool:
    """Return whether ``part`` is a brevitas layer with a weight quantiser."""
    return hasattr(part, "weight_quant") and hasattr(part, "quant_weight")


def _hook(recording: Recording, path: str) -> Callable[[nn.Module, Any, Any], None]:
    def keep(leaf: nn.Module, inputs: Any, output: Any) -> None:
        result = _array(output)
        recording.calls[path].append(result)
        if len(inputs) == 1 and np.array_equal(_array(inputs[0]), result):
            recording.passive.add(path)

    return keep


def _array(value: Any) -> NDArray[Any]:
    # brevitas may hand over a QuantTensor, whose value is a plain tensor.
    tensor: Tensor = getattr(value, "value", value)
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    return array
