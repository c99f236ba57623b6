"""A bundle on the live page, with the engine that serves it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bitprior_runtime.bundle.manifest import FLOAT_BITS
from bitprior_runtime.engines.registry import AUTO
from bitprior_runtime.model import Model
from bitprior_runtime.recovery import FloatArray, Recovery


@dataclass(frozen=True)
class Wishes:
    """How to recover.

    Attributes:
        engine: Engine; ``auto``: the fastest by a measured probe.
        kernel: Kernels; ``auto``: native where it works.
        threads: Threads of the engine.
        solver: Solver; None: the bundle's.
        steps: Most steps; None: the bundle's.
    """

    engine: str = "float"
    kernel: str = AUTO
    threads: int | None = None
    solver: str | None = None
    steps: int | None = None


@dataclass
class Prior:
    """A loaded bundle.

    Attributes:
        label: What the page calls it.
        model: The model.
        wishes: How to recover.
    """

    label: str
    model: Model
    wishes: Wishes
    _options: dict[str, Any] = field(default_factory=dict)

    @property
    def measurements(self) -> int:
        """Values of a measurement, m."""
        return self.model.bundle.manifest.measurement.size

    def prepare(self) -> None:
        """Make the engine, so that no frame has to wait for it; once."""
        if self._options:
            return
        wishes = self.wishes
        engine, kernel = wishes.engine, wishes.kernel
        if engine == AUTO:
            chosen = self.model.choose(1, kernel, wishes.threads).engine
            engine, kernel = chosen.name, chosen.kernel
        options: dict[str, Any] = {"engine": engine, "kernel": kernel, "threads": wishes.threads}
        options["solver"] = wishes.solver
        self.model.recover(np.zeros((1, self.measurements), np.float32), steps=1, **options)
        self._options = options

    def recover(self, y: FloatArray, latent: FloatArray | None = None) -> Recovery:
        """Recover images from measurements [B,m]; see :meth:`Model.recover`."""
        self.prepare()
        return self.model.recover(y, latent=latent, steps=self.wishes.steps, **self._options)


def make_priors(models: Sequence[tuple[Path, Model]], wishes: Wishes) -> list[Prior]:
    """Return the bundles under names that tell them apart: bit widths if they do, or file names."""
    labels = [_bits(model) for _, model in models]
    counts = Counter(labels)
    return [
        Prior(label if counts[label] == 1 else f"{path.stem} ({label})", model, wishes)
        for label, (path, model) in zip(labels, models, strict=True)
    ]


def _bits(model: Model) -> str:
    bits = model.bundle.manifest.bits
    return "32-bit float" if bits == FLOAT_BITS else f"{bits}-bit"
