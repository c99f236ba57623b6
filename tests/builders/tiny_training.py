"""Networks so small that training them takes no time."""

from typing import Any

import torch

from bitprior_train.config import TrainConfig
from bitprior_train.settings import validate
from bitprior_train.sweep.plan import Question

# Overrides that make a run on the digits tiny.
TINY_NETWORKS = (
    "model.latent=8",
    "model.hidden=[12]",
    "model.sensing_hidden=[12]",
    "model.measurements=6",
    "model.sparsity=5",
)
GEOMETRY = (1, 3, 4)


def tiny_config(bits: int = 4, **sections: dict[str, Any]) -> TrainConfig:
    """Return a configuration of networks for images of ``GEOMETRY``; ``sections`` are laid over."""
    optimiser = {"lr": 1e-2, "batch": 4, "steps": 20, **sections.pop("optimiser", {})}
    return validate(
        {
            "data": {"name": "digits", "validation": 200},
            "model": {
                "latent": 6,
                "hidden": [8],
                "sensing_hidden": [8],
                "measurements": 5,
                "sparsity": 4,
            },
            "quantiser": {"bits": bits},
            "optimiser": optimiser,
            **sections,
        }
    )


def stripes() -> torch.Tensor:
    """Four striped images, brighter and darker: something to be learned in few steps."""
    striped = torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(4, *GEOMETRY)
    return striped * torch.linspace(0.7, 1.0, 4).reshape(4, 1, 1, 1)


def sweep_arguments(question: Question, *more: str) -> list[str]:
    """Return the command line that asks for a sweep of 4 bits, and for more."""
    sets = [f"--set={override}" for override in question.overrides]
    line = ["sweep", "digits", "--out", str(question.out), "--bits", "4", "--init-from-32"]
    return [*line, *sets, *more]
