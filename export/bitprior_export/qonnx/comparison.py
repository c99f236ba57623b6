"""Compare two runs of a network node by node, and name the first node that differs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import CheckFailedError

# Of the largest magnitude on the way: float32 sums over a thousand terms differ by about 1e-6
# when their order does; a wrong weight, axis or attribute makes far more.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class CheckReport:
    """What a check compared.

    Attributes:
        nodes: Nodes compared.
        max_difference: Largest difference at any of them, in units of the largest magnitude on
            the way there.
        cases: Names of the inputs used.
    """

    nodes: int
    max_difference: float
    cases: tuple[str, ...]


class Comparison:
    """Nodes compared so far, over several inputs.

    Args:
        reference: What the nodes are compared with, for messages.
    """

    def __init__(self, reference: str) -> None:
        self._reference = reference
        self._cases: list[str] = []
        self._alive: dict[str, bool] = {}
        self._worst = 0.0
        self._largest = 0.0
        self._previous = ""

    def start(self, case: str, inputs: NDArray[Any]) -> None:
        """Begin with another input."""
        self._cases.append(case)
        self._largest = _magnitude(inputs)
        self._previous = "the input"

    def compare(
        self,
        node: str,
        op: str,
        found: NDArray[Any],
        expected: NDArray[Any],
        weight: bool = False,
    ) -> None:
        """Compare one node's output; nodes come in graph order.

        Args:
            node: Its name.
            op: Its op type.
            found: What is checked.
            expected: What it must equal.
            weight: It is a weight, not an activation: its size is that of the values themselves.

        Raises:
            CheckFailedError: It differs by more than rounding.
        """
        if found.shape != expected.shape:
            raise self._differs(node, op, f"shape {expected.shape}", f"shape {found.shape}")
        if not np.isfinite(expected).all():
            raise self._differs(node, op, f"finite values in {self._reference}", "NaN or Inf")
        own = _magnitude(expected)
        if not weight:
            # Rounding errors travel on: those of large values show in the small ones of a tanh.
            self._largest = max(self._largest, own)
        scale = own if weight else self._largest
        difference = _magnitude(found - expected)
        if not difference <= TOLERANCE * scale:  # also false for NaN
            values = f"the values of {self._reference} within {TOLERANCE * scale:.2g}"
            raise self._differs(node, op, values, f"max |Δ| = {difference:.3g}")
        self._worst = max(self._worst, difference / scale if scale else 0.0)
        self._alive[node] = self._alive.get(node, False) or own > 0
        self._previous = repr(node)

    def report(self) -> CheckReport:
        """Return the figures.

        Raises:
            CheckFailedError: Nothing was compared, or a node was zero on every input: whatever
                is wrong there could not have shown.
        """
        dead = [name for name, seen in self._alive.items() if not seen]
        if dead or not self._alive:
            raise CheckFailedError(
                "values other than zero at every node, or no error could show",
                f"only zeros in every case at {', '.join(dead) or 'every node: none compared'}",
                "check the training: a layer of zeros passes nothing on",
            )
        return CheckReport(len(self._alive), self._worst, tuple(self._cases))

    def _differs(self, node: str, op: str, expected: str, found: str) -> CheckFailedError:
        return CheckFailedError(
            f"{expected} at node {node!r} ({op})",
            f"{found} on the {self._cases[-1]} input",
            f"this is the first node that differs; all up to {self._previous} are equal",
        )


def _magnitude(values: NDArray[Any]) -> float:
    return float(np.abs(values).max())
