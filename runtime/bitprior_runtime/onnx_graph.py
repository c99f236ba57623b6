"""Run an exported ONNX graph on batches of any size."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.onnx_session import CPU, open_session

Array = NDArray[Any]


class OnnxGraph:
    """An exported graph in onnxruntime.

    Args:
        model: A file, or the bytes of one.
        threads: Threads within an op.
        providers: onnxruntime's execution providers, the first one preferred.

    Attributes:
        metadata: What the file says about itself.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        UsageError: onnxruntime cannot load the graph.
    """

    def __init__(
        self,
        model: bytes | str | os.PathLike[str],
        threads: int = 1,
        providers: Sequence[str] = (CPU,),
    ) -> None:
        self._session = open_session(model, threads, providers)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._outputs: list[str] = [value.name for value in self._session.get_outputs()]
        self._ranks = {value.name: len(value.shape) for value in self._session.get_inputs()}
        first = next(value for value in self._session.get_inputs() if value.shape)
        self._rows = first.shape[0] if isinstance(first.shape[0], int) else None

    @property
    def inputs(self) -> Mapping[str, int]:
        """Rank of each input, by name; 0 for a scalar."""
        return self._ranks

    @property
    def outputs(self) -> Sequence[str]:
        """Names of the outputs."""
        return self._outputs

    @property
    def provider(self) -> str:
        """The execution provider onnxruntime has put first."""
        return str(self._session.get_providers()[0])

    def run(self, inputs: Mapping[str, Array], outputs: Sequence[str] = ()) -> dict[str, Array]:
        """Run the graph.

        Args:
            inputs: Arrays [B, ...], and scalars, by name. A graph of a fixed batch takes its
                rows in turns.
            outputs: Which outputs are wanted; all if left out.

        Returns:
            Outputs by name.
        """
        wanted = tuple(outputs) or tuple(self._outputs)
        batched = [name for name, rank in self._ranks.items() if rank]
        rows = len(inputs[batched[0]])
        if self._rows is None or self._rows == rows:
            return self._run(inputs, wanted)
        parts = [
            self._run(
                {
                    name: value[start : start + self._rows] if name in batched else value
                    for name, value in inputs.items()
                },
                wanted,
            )
            for start in range(0, rows, self._rows)
        ]
        return {name: _join(name, [part[name] for part in parts]) for name in wanted}

    def _run(self, inputs: Mapping[str, Array], wanted: Sequence[str]) -> dict[str, Array]:
        # Bound values are copied to the device once, and back once, wherever it is.
        binding = self._session.io_binding()
        for name, value in inputs.items():
            binding.bind_cpu_input(name, np.asarray(value, order="C"))
        for name in wanted:
            binding.bind_output(name)
        self._session.run_with_iobinding(binding)
        return dict(zip(wanted, binding.copy_outputs_to_cpu(), strict=True))


def _join(name: str, parts: Sequence[Array]) -> Array:
    if name != "history":
        return np.concatenate(parts)
    # [steps, rows]; a recovery that stopped earlier stays at its last loss.
    longest = max(len(part) for part in parts)
    padded = [np.pad(part, ((0, longest - len(part)), (0, 0)), mode="edge") for part in parts]
    return np.concatenate(padded, axis=1)


def scalars(step_size: float, steps: int, tolerance: float = 0.0) -> dict[str, Array]:
    """Return the scalar inputs of ``recover.onnx``."""
    return {
        "beta": np.array(step_size, dtype=np.float32),
        "max_steps": np.array(steps, dtype=np.int64),
        "tolerance": np.array(tolerance, dtype=np.float32),
    }
