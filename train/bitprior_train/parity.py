"""Compare the runtime with torch: same measurements, same start latents, same steps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bitprior_runtime.engines.base import Engine
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_train import reference
from bitprior_train.metrics import psnr
from bitprior_train.networks import Networks, load_networks

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """Differences between the runtime and torch autograd.

    Attributes:
        gradient: Largest relative error of a row of the gradient at z0, in its L2 norm.
        trace: Largest relative difference of the mean loss along the steps.
        psnr_runtime: Mean PSNR of the runtime's images, dB.
        psnr_torch: Mean PSNR of torch's images, dB.
        images: How many images were compared.
        steps: Proximal steps taken.
    """

    gradient: float
    trace: float
    psnr_runtime: float
    psnr_torch: float
    images: int
    steps: int


def compare_with_torch(
    engine: Engine, run: Path, images: Array, z0: Array, options: ProximalOptions
) -> Parity:
    """Recover ``images`` with the runtime and with torch.

    Args:
        engine: Engine of the exported bundle.
        run: The run the bundle was exported from.
        images: Originals [N,C,H,W]; both sides get the runtime's y = A(x).
        z0: Start latents [N,k], the same for both.
        options: T, beta and s.

    Returns:
        Differences of gradients, traces and final PSNR.
    """
    networks = load_networks(run)
    y = engine.sense(images)
    _, ours = engine.value_and_grad(z0, y)
    _, theirs = reference.value_and_grad(
        networks.generator, networks.sensing, torch.from_numpy(z0), torch.from_numpy(y)
    )
    solution = proximal(engine, y, z0, options)
    image, trace = _recover(networks, y, z0, options)
    return Parity(
        gradient=float(_row_errors(ours, theirs.numpy()).max()),
        trace=float(_relative(solution.history.mean(axis=1), trace).max()),
        psnr_runtime=float(psnr(engine.generate(solution.latent), images).mean()),
        psnr_torch=float(psnr(image, images).mean()),
        images=len(images),
        steps=options.steps,
    )


def _recover(
    networks: Networks, y: Array, z0: Array, options: ProximalOptions
) -> tuple[Array, Array]:
    latents, losses = reference.proximal(
        networks.generator,
        networks.sensing,
        torch.from_numpy(y),
        torch.from_numpy(z0),
        beta=options.step_size,
        s=options.sparsity or z0.shape[1],
        steps=options.steps,
    )
    with torch.no_grad():
        image = networks.generator(latents[-1]).numpy()
    return image, torch.stack(losses).mean(1).numpy()


def _row_errors(found: Array, expected: Array) -> Array:
    error: Array = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    return error


def _relative(found: Array, expected: Array) -> Array:
    error: Array = np.abs(found - expected) / np.abs(expected)
    return error
