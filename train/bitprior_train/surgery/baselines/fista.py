"""The lasso of an image's discrete cosine transform, all images at once, by FISTA."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from bitprior_train.surgery.operators import Operator

_CHECK = 10  # iterations between two looks at the duality gap
_MARGIN = 1.02  # Lanczos finds the largest eigenvalue from below


@dataclass(frozen=True, eq=False)
class Lasso:
    """f(z) = |y - b - A Phi z|^2 + alpha |z|_1 of several rows; Phi makes images of their DCT.

    b is the constant that makes the residual's mean 0, or 0 itself. So M = P A Phi, where P takes
    the mean off or does nothing, and f(z) = |P y - M z|^2 + alpha |z|_1.

    Attributes:
        operator: A.
        y: Measurements [B, m].
        alpha: Weight of |z|_1.
        intercept: Whether there is a b.
    """

    operator: Operator
    y: Tensor
    alpha: float
    intercept: bool

    def rows(self, which: Tensor) -> "Lasso":
        """Return the problem of some rows only; ``which`` is a mask [B]."""
        return Lasso(self.operator, self.y[which], self.alpha, self.intercept)

    def residual_and_slope(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return r = P y - M z, [B, m], and the gradient of |r|^2 by z, [B, C, H, W]."""
        x = synthesis(z).requires_grad_()
        residual = self._centred(self.y - self.operator(x))
        (slope,) = torch.autograd.grad(residual.square().sum(), x)
        return residual.detach(), analysis(slope)

    def objective(self, z: Tensor) -> Tensor:
        """Return f(z), [B], of z [B, C, H, W]."""
        return self._value(z, self.residual_and_slope(z)[0])

    def relative_gap(self, z: Tensor) -> Tensor:
        """Return an upper bound of (f(z) - min f) / f(z), [B]: the duality gap.

        theta = 2 s r is feasible in the dual problem, max of theta.y - |theta|^2 / 4 where
        |M^T theta| <= alpha everywhere, if s makes it small enough.
        """
        residual, slope = self.residual_and_slope(z)
        steepest = slope.abs().flatten(1).amax(dim=1).clamp(min=self.alpha)
        s = self.alpha / steepest
        squares = residual.square().sum(dim=1)
        dual = 2 * s * (residual * self._centred(self.y)).sum(dim=1) - s.square() * squares
        value = self._value(z, residual)
        return (value - dual) / value.clamp(min=1e-30)

    def curvature(self) -> float:
        """Return the Lipschitz constant of the gradient of |r|^2, twice M^T M's largest eigenvalue.

        Phi is orthonormal: P A has the same one.
        """
        n, geometry = self.operator.pixels, self.operator.geometry

        def gram(v: NDArray[np.float32]) -> NDArray[np.float32]:
            x = torch.from_numpy(v).reshape(1, *geometry).requires_grad_()
            half = self._centred(self.operator(x)).square().sum() / 2
            (product,) = torch.autograd.grad(half, x)
            flat: NDArray[np.float32] = product.numpy().reshape(n)
            return flat

        square = LinearOperator((n, n), matvec=gram, dtype=np.float32)
        start = np.random.default_rng(0).standard_normal(n, dtype=np.float32)
        (largest,) = eigsh(square, k=1, tol=1e-2, v0=start, return_eigenvectors=False)
        return 2 * _MARGIN * float(largest)

    def _value(self, z: Tensor, residual: Tensor) -> Tensor:
        return residual.square().sum(dim=1) + self.alpha * z.abs().flatten(1).sum(dim=1)

    def _centred(self, y: Tensor) -> Tensor:
        return y - y.mean(dim=1, keepdim=True) if self.intercept else y


def solve(lasso: Lasso, tolerance: float, iterations: int) -> Tensor:
    """Minimise f by FISTA with adaptive restarts, from 0, each row until its own gap is small.

    Beck and Teboulle 2009, algorithm FISTA; O'Donoghue and Candes 2015, gradient scheme.

    Args:
        lasso: f.
        tolerance: Largest relative duality gap of a row that is done.
        iterations: Most of them.

    Returns:
        z, [B, C, H, W].
    """
    step = 1 / lasso.curvature()
    z = torch.zeros(len(lasso.y), *lasso.operator.geometry)
    rows = torch.arange(len(z))  # of z, that are not done
    last, ahead, t = z.clone(), z.clone(), torch.ones(len(z), 1, 1, 1)
    for iteration in range(1, iterations + 1):
        slope = lasso.residual_and_slope(ahead)[1]
        new = torch.nn.functional.softshrink(ahead - step * slope, lasso.alpha * step)
        uphill = ((ahead - new) * (new - last)).sum(dim=(1, 2, 3), keepdim=True) > 0
        t = torch.where(uphill, 1.0, t)
        t_new = (1 + (1 + 4 * t.square()).sqrt()) / 2
        last, ahead, t = new, new + (t - 1) / t_new * (new - last), t_new
        if iteration % _CHECK == 0 or iteration == iterations:
            z[rows] = last
            going = lasso.relative_gap(last) > tolerance
            rows, lasso = rows[going], lasso.rows(going)
            last, ahead, t = last[going], ahead[going], t[going]
            if len(rows) == 0:
                break
    return z


def synthesis(z: Tensor) -> Tensor:
    """Return images Phi z of coefficients, [B, C, H, W] both: the orthonormal inverse 2-D DCT."""
    return torch.from_numpy(idctn(z.detach().numpy(), axes=(2, 3), norm="ortho"))


def analysis(x: Tensor) -> Tensor:
    """Return coefficients Phi^T x of images, [B, C, H, W] both: the orthonormal 2-D DCT."""
    return torch.from_numpy(dctn(x.detach().numpy(), axes=(2, 3), norm="ortho"))
