"""A network of ISTA-Net+'s shape in torch, with random weights: for its time, not its quality.

Written from the description in Zhang and Ghanem, "ISTA-Net: Interpretable Optimization-Inspired
Deep Network for Image Compressive Sensing" (CVPR 2018): nine phases on blocks of 33 x 33. Each
takes a gradient step on ||Phi x - y||^2, then adds to it what a small network with a soft threshold
in its middle makes of it: a convolution to 32 maps, two on them, the threshold, two more, one to an
image. All are 3 x 3, without biases. The branch that only the training's loss needs is left out.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

PHASES, MAPS, SIDE = 9, 32, 33


class Phase(nn.Module):
    """One phase.

    Args:
        maps: Maps inside.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()

        def weight(outputs: int, inputs: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(outputs, inputs, 3, 3) / (3 * inputs**0.5))

        self.step = nn.Parameter(torch.tensor(0.5))
        self.threshold = nn.Parameter(torch.tensor(0.01))
        self.into = weight(maps, 1)
        self.forward_first, self.forward_second = weight(maps, maps), weight(maps, maps)
        self.backward_first, self.backward_second = weight(maps, maps), weight(maps, maps)
        self.out = weight(1, maps)

    def forward(self, x: Tensor, gram: Tensor, back: Tensor) -> Tensor:
        """Return the blocks after this phase.

        Args:
            x: Blocks [blocks, 1089].
            gram: Phi^T Phi.
            back: Phi^T y of each block.
        """
        x = x - self.step * (x @ gram) + self.step * back
        image = x.reshape(-1, 1, SIDE, SIDE)
        maps = functional.conv2d(image, self.into, padding=1)
        inner = functional.relu(functional.conv2d(maps, self.forward_first, padding=1))
        inner = functional.conv2d(inner, self.forward_second, padding=1)
        inner = torch.sign(inner) * functional.relu(inner.abs() - self.threshold)
        inner = functional.relu(functional.conv2d(inner, self.backward_first, padding=1))
        inner = functional.conv2d(inner, self.backward_second, padding=1)
        found = image + functional.conv2d(inner, self.out, padding=1)
        return found.reshape(len(x), -1)


class IstaNet(nn.Module):
    """All phases.

    Args:
        matrix: Phi [m, 1089].
        phases: How many.
    """

    def __init__(self, matrix: Tensor, phases: int = PHASES) -> None:
        super().__init__()
        self.matrix = matrix
        self.gram = matrix.T @ matrix
        self.start = nn.Parameter(matrix.T.clone())
        self.phases = nn.ModuleList(Phase(MAPS) for _ in range(phases))

    def forward(self, y: Tensor) -> Tensor:
        """Return blocks [blocks, 1089] of measurements [blocks, m]."""
        x, back = y @ self.start.T, y @ self.matrix
        for phase in self.phases:
            x = phase(x, self.gram, back)
        return x


def weights_of(network: IstaNet) -> int:
    """Return the weights of the phases: what is stored for a ratio, besides the linear start."""
    return sum(value.numel() for value in network.phases.parameters())
