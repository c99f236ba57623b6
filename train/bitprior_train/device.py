"""Where a run is carried out."""

import torch

from bitprior_runtime.errors import UsageError
from bitprior_train.config import RunConfig

_CPU = torch.device("cpu")


def precision(config: RunConfig, device: torch.device = _CPU) -> torch.autocast:
    """Return the context in which the networks of a training step run in the run's precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16")


def choose_device(config: RunConfig, local_rank: int) -> torch.device:
    """Return the device of a process: with CUDA, the GPU of its number on this machine.

    Raises:
        UsageError: CUDA was asked for and there is none, or fewer GPUs than processes.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if config.device == "cpu" or (config.device == "auto" and not gpus):
        return torch.device("cpu")
    if local_rank >= gpus:
        raise UsageError(
            f"{local_rank + 1} GPUs for as many processes, as run.device is {config.device!r}",
            f"{gpus} that torch can use",
            "set run.device=cpu, or start fewer processes",
        )
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device
