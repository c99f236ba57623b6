"""Linear priors as a yardstick: the mean image, and principal components."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError


@dataclass(frozen=True, eq=False)
class PrincipalComponents:
    """A linear prior x = mean + z C fitted on training images.

    Attributes:
        mean: Mean image, flat [n].
        components: Orthonormal rows [k,n], strongest first.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]

    def project(self, images: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """Return the best approximation of images [N,C,H,W] by ``count`` components.

        It sees the image itself, not a measurement of it: an upper bound for a linear prior of
        that many dimensions. ``count`` 0 gives the mean image.
        """
        if not 0 <= count <= len(self.components):
            raise UsageError(f"0 to {len(self.components)} components", str(count), "fit more")
        flat = images.reshape(len(images), -1).astype(np.float64) - self.mean
        basis = self.components[:count]
        approximated = self.mean + (flat @ basis.T) @ basis
        return approximated.reshape(images.shape).astype(np.float32)


def fit_principal_components(images: NDArray[np.float32], count: int) -> PrincipalComponents:
    """Fit on training images [N,C,H,W]: the eigenvectors of their covariance."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    if not 0 < count <= flat.shape[1]:
        raise UsageError(f"1 to {flat.shape[1]} components", str(count), "choose fewer")
    mean = flat.mean(axis=0)
    covariance = (flat - mean).T @ (flat - mean) / len(flat)
    _, vectors = np.linalg.eigh(covariance)
    return PrincipalComponents(mean, np.ascontiguousarray(vectors[:, ::-1][:, :count].T))
