"""The lasso of an image's discrete cosine transform, all images at once, by ADMM."""

from dataclasses import dataclass

import torch
from scipy.fft import dctn, idctn
from torch import Tensor
from torch.nn.functional import softshrink

from bitprior_train.surgery.operators import Gaussian, Operator

_CHECK = 20  # iterations between two looks at the duality gap
_RELAXATION = 1.7  # of 1 to 2, as usual
_COEFFICIENT = 0.1  # magnitude of the coefficients that are to be told from 0


@dataclass(frozen=True, eq=False)
class Lasso:
    """f(z) = |c - M z|^2 + alpha |z|_1 of rows z [B, n].

    Attributes:
        matrix: M, [m, n].
        targets: c, [B, m].
        alpha: Weight of |z|_1.
    """

    matrix: Tensor
    targets: Tensor
    alpha: float

    def objective(self, z: Tensor) -> Tensor:
        """Return f(z), [B]."""
        squares = (self.targets - z @ self.matrix.T).square().sum(dim=1)
        return squares + self.alpha * z.abs().sum(dim=1)


def lasso_of(operator: Operator, y: Tensor, alpha: float, intercept: bool) -> Lasso:
    """Return |y - b - A Phi z|^2 + alpha |z|_1; Phi makes an image of its coefficients.

    With ``intercept``, b is the constant that takes the residual's mean to 0: M is A Phi, and c
    is y, without the mean over measurements. Otherwise b = 0.

    Args:
        operator: A.
        y: [B, m].
        alpha: Weight of |z|_1.
        intercept: Whether there is a b.
    """
    if isinstance(operator, Gaussian):
        rows = operator.matrix.reshape(-1, *operator.geometry)
    else:
        rows = operator.adjoint(torch.eye(operator.measurements))
    matrix = analysis(rows).flatten(1)
    if intercept:
        matrix, y = matrix - matrix.mean(dim=0), y - y.mean(dim=1, keepdim=True)
    return Lasso(matrix, y, alpha)


def solve(lasso: Lasso, tolerance: float, iterations: int) -> Tensor:
    """Minimise f by ADMM from 0 (Boyd et al. 2011, section 6.4), each row until its gap is small.

    The dual problem is the maximum of theta.c - |theta|^2 / 4 where |M^T theta| <= alpha
    everywhere; theta = 2 (c - M z), scaled to be feasible, bounds the minimum from below.

    Args:
        lasso: f.
        tolerance: Largest duality gap of a row that is done, relative to f.
        iterations: Most of them.

    Returns:
        z, [B, n].
    """
    matrix, alpha = lasso.matrix, lasso.alpha
    rho = alpha / _COEFFICIENT
    factor = torch.linalg.cholesky(matrix @ matrix.T + rho / 2 * torch.eye(len(matrix)))
    solution = torch.zeros(len(lasso.targets), matrix.shape[1])
    rows = torch.arange(len(solution))  # that are not done
    u, w, c = solution.clone(), solution.clone(), lasso.targets
    for iteration in range(1, iterations + 1):
        # The minimum of |c - M z|^2 + rho/2 |z - (u - w)|^2: z - (u - w) = M^T p, and there
        # c - M z = rho/2 p.
        p = torch.cholesky_solve((c - (u - w) @ matrix.T).T, factor).T
        step = p @ matrix
        relaxed = _RELAXATION * (u - w + step) + (1 - _RELAXATION) * u
        u = softshrink(relaxed + w, alpha / rho)
        w = w + relaxed - u
        if iteration % _CHECK == 0 or iteration == iterations:
            solution[rows] = u
            f = Lasso(matrix, c, alpha).objective(u)
            going = f - _lower_bound(rho * p, rho * step, c, alpha) > tolerance * f
            rows, u, w, c = rows[going], u[going], w[going], c[going]
            if len(rows) == 0:
                break
    return solution


def _lower_bound(theta: Tensor, slope: Tensor, c: Tensor, alpha: float) -> Tensor:
    """Return the dual value of theta [B, m], scaled to be feasible; slope = M^T theta, [B, n]."""
    scale = alpha / slope.abs().amax(dim=1).clamp(min=alpha)
    return scale * (theta * c).sum(dim=1) - (scale / 2).square() * theta.square().sum(dim=1)


def synthesis(z: Tensor) -> Tensor:
    """Return images Phi z of coefficients, [B, C, H, W] both: the orthonormal inverse 2-D DCT."""
    return torch.from_numpy(idctn(z.numpy(), axes=(2, 3), norm="ortho"))


def analysis(x: Tensor) -> Tensor:
    """Return coefficients Phi^T x of images, [B, C, H, W] both: the orthonormal 2-D DCT."""
    return torch.from_numpy(dctn(x.numpy(), axes=(2, 3), norm="ortho"))
