"""A bundle's prior and sensing network as DeepInverse takes them, and its search."""

import time

import numpy as np
import torch
from deepinv.models import CSGMGenerator
from deepinv.physics import Physics
from torch_program import TorchProgram

from bitprior_runtime.solvers import initial_latents


class Prior(torch.nn.Module):
    """A bundle's generator as CSGMGenerator wants it: latents [B,nz,1,1] to images, and nz."""

    def __init__(self, program, nz):
        super().__init__()
        self.program, self.nz = TorchProgram(program), nz
        self.calls = 0

    def forward(self, z):
        """Return G(z)."""
        self.calls += 1
        return self.program(z.flatten(1))


class Sensing(Physics):
    """A bundle's sensing network as the physics y = A(x)."""

    def __init__(self, program):
        super().__init__()
        self.program = TorchProgram(program)

    def A(self, x, **kwargs):  # noqa: N802  deepinv's name
        """Return the measurements of images x."""
        return self.program(x)


class FromPrior(CSGMGenerator):
    """It starts from the distribution that the prior was trained with, not from Unif[-1, 1]."""

    def random_latent(self, device, requires_grad=True):
        """Return one latent."""
        drawn = initial_latents(1, self.latent, self.seed, 1, self.start)
        return torch.from_numpy(drawn.reshape(1, -1, 1, 1)).to(device)


def recover(model, images, start):
    """Return images recovered one at a time by CSGMGenerator's defaults, with times."""
    manifest = model.bundle.manifest
    prior = Prior(model.bundle.generator, manifest.latent)
    searching = (FromPrior if start == "prior" else CSGMGenerator)(prior).eval()
    searching.latent, searching.start = manifest.latent, manifest.solver.initial_latent
    physics = Sensing(model.bundle.sensing)
    measurements = torch.from_numpy(model.sense(images))
    found, seconds, iterations = [], [], []
    # The first is repeated: it warms up what is made on first use.
    for index in (0, *range(len(images))):
        torch.manual_seed(index)
        searching.seed, prior.calls = index, 0
        begin = time.process_time()
        image = searching(measurements[index : index + 1], physics)
        seconds.append(time.process_time() - begin)
        found.append(image.detach().numpy()[0])
        iterations.append(prior.calls - 1)
    return np.stack(found[1:]), seconds[1:], iterations[1:]
