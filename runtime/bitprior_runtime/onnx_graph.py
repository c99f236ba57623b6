"""Run an exported ONNX graph on batches of any size."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import CheckFailedError, UsageError
from bitprior_runtime.onnx_session import CPU, open_session

Array = NDArray[Any]
_TODO = "export the bundle and its ONNX files again, or use engine float"
_NAMED = 300  # characters of a message that others have written


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
        UsageError: onnxruntime cannot load the graph, or no input of it is a batch.
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
        shapes = [value.shape for value in self._session.get_inputs() if value.shape]
        if not shapes:
            raise UsageError("a graph with an input that is a batch", "none", _TODO)
        self._rows = shapes[0][0] if isinstance(shapes[0][0], int) else None

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

        Raises:
            UsageError: The graph has other inputs or outputs.
            CheckFailedError: onnxruntime ends with an error.
        """
        wanted = tuple(outputs) or tuple(self._outputs)
        for what, asked, there in (
            ("inputs", inputs, self._ranks),
            ("outputs", wanted, self._outputs),
        ):
            absent = [name for name in asked if name not in there]
            if absent:
                found = ", ".join(map(repr, there))[:_NAMED]
                raise UsageError(f"a graph with the {what} {', '.join(absent)}", found, _TODO)
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
        try:
            for name, value in inputs.items():
                binding.bind_cpu_input(name, np.asarray(value, order="C"))
            for name in wanted:
                binding.bind_output(name)
            self._session.run_with_iobinding(binding)
            found = binding.copy_outputs_to_cpu()
        except Exception as error:  # onnxruntime's errors have no common class but this one
            said = str(error).strip().partition("\n")[0][:_NAMED]
            raise CheckFailedError("a graph that onnxruntime can run", said, _TODO) from error
        return dict(zip(wanted, found, strict=True))


def shaped(values: Any, name: str, *shape: int) -> Array:
    """Return an output of a graph, as float32 of the shape it must have.

    Raises:
        CheckFailedError: It is something else.
    """
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.shape != shape:
        kind = getattr(values, "dtype", type(values).__name__)
        raise CheckFailedError(
            f"{name}: float32 of shape {shape} from the ONNX file",
            f"{kind}, shape {getattr(values, 'shape', None)}",
            _TODO,
        )
    return values


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
