"""Compare the runtime with torch: same measurements, same start latents, same steps."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.model import Model
from bitprior_runtime.solvers import ProximalOptions, proximal
from bitprior_train import reference
from bitprior_train.metrics import psnr
from bitprior_train.networks import Networks, load_networks

Array = NDArray[Any]
TRACE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Parity:
    """Differences between the runtime and torch autograd.

    P_s is discontinuous: where two entries of z - beta grad are all but equal, the rounding of
    float32 decides which one is kept, in torch as here, and the row takes another path from
    there. So float32 traces are compared by how many rows agree, and the same recovery in float64,
    where such ties do not occur, by its worst row.

    Attributes:
        gradient: Largest relative error of a row of the gradient at z0, in its L2 norm.
        trace_rows: Share of rows whose losses agree within 1e-3, relative, at every step; float32.
        trace_median: Median over rows of the largest relative difference of a loss; float32.
        trace_float64: Largest relative difference of any row's loss at any step; float64.
        psnr_runtime: Mean PSNR of the runtime's images, dB; float32.
        psnr_torch: Mean PSNR of torch's images, dB; float32.
        images: How many images were compared.
        steps: Proximal steps taken.
    """

    gradient: float
    trace_rows: float
    trace_median: float
    trace_float64: float
    psnr_runtime: float
    psnr_torch: float
    images: int
    steps: int


def compare_with_torch(
    model: Model, run: Path, images: Array, z0: Array, options: ProximalOptions
) -> Parity:
    """Recover ``images`` with the runtime and with torch.

    Args:
        model: The exported bundle.
        run: The run the bundle was exported from.
        images: Originals [N,C,H,W]; both sides get the runtime's y = A(x).
        z0: Start latents [N,k], the same for both.
        options: T, beta and s.

    Returns:
        Differences of gradients, traces and final PSNR.
    """
    engine, networks = model.engine(), load_networks(run)
    y = engine.sense(images)
    _, ours = engine.value_and_grad(z0, y)
    _, theirs = reference.value_and_grad(
        networks.generator, networks.sensing, torch.from_numpy(z0), torch.from_numpy(y)
    )
    solution = proximal(engine, y, z0, options)
    image, trace = _recover(networks, y, z0, options)
    rows = _relative(solution.history, trace).max(axis=0)
    return Parity(
        gradient=float(_row_errors(ours, theirs.numpy()).max()),
        trace_rows=float((rows <= TRACE_TOLERANCE).mean()),
        trace_median=float(np.median(rows)),
        trace_float64=_trace_float64(model, networks, y, z0, options),
        psnr_runtime=float(psnr(engine.generate(solution.latent), images).mean()),
        psnr_torch=float(psnr(image, images).mean()),
        images=len(images),
        steps=options.steps,
    )


def _trace_float64(
    model: Model, networks: Networks, y: Array, z0: Array, options: ProximalOptions
) -> float:
    """Compare the traces in float64; turns the networks into float64."""
    for network in (networks.generator, networks.sensing):
        network.double()
        for layer in network.modules():
            if isinstance(layer, nn.LeakyReLU):  # ONNX attributes are float32
                layer.negative_slope = float(np.float32(layer.negative_slope))
    engine = FloatEngine(model.bundle.generator, model.bundle.sensing, np.float64)
    y, z0 = y.astype(np.float64), z0.astype(np.float64)
    _, trace = _recover(networks, y, z0, options)
    return float(_relative(proximal(engine, y, z0, options).history, trace).max())


def _recover(
    networks: Networks, y: Array, z0: Array, options: ProximalOptions
) -> tuple[Array, Array]:
    """Return torch's images [N,C,H,W] and losses [steps + 1, N]."""
    latents, losses = reference.proximal(
        networks.generator,
        networks.sensing,
        torch.from_numpy(y),
        torch.from_numpy(z0),
        beta=options.step_size,
        s=options.sparsity or z0.shape[1],
        steps=options.steps,
        on_sphere=options.projection == "unit-sphere",
    )
    with torch.no_grad():
        image = networks.generator(latents[-1]).numpy()
    return image, torch.stack(losses).numpy()


def _row_errors(found: Array, expected: Array) -> Array:
    error: Array = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    return error


def _relative(found: Array, expected: Array) -> Array:
    error: Array = np.abs(found - expected) / np.abs(expected)
    return error
