"""An operator that is one matrix for a whole frame."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.errors import UsageError
from bitprior_runtime.sensing.blocks import Rectangles
from bitprior_runtime.sensing.operator import Shape, check_frame, named


class Matrix(Rectangles):
    """One row of pixel weights for each measurement of the frame.

    y is [B, m] for images of one channel. Memory: 4 m H W bytes.

    Args:
        rows: [m, H * W], pixels row by row; or [m, H, W].
        frame: (H, W); None: that of rows [m, H, W].

    Raises:
        UsageError: Rows of another frame or of none, or that measure nothing: see
            :func:`~bitprior_runtime.sensing.rows.check_rows`.
    """

    def __init__(self, rows: NDArray[Any], frame: Shape | None = None) -> None:
        rows = np.asarray(rows)
        if frame is None:
            if rows.ndim != 3:
                found = f"no frame, rows of shape {rows.shape}"
                raise UsageError("a frame, or rows [m,H,W]", found, "give the frame (H, W)")
            frame = (rows.shape[1], rows.shape[2])
        frame = check_frame(frame)
        if rows.ndim == 3:
            own = (rows.shape[1], rows.shape[2])
            if own != frame:
                expected = f"rows for the frame {named(frame)}"
                raise UsageError(expected, f"rows for {named(own)}", "use the rows' own frame")
            rows = rows.reshape(len(rows), -1)
        super().__init__(rows, frame, frame)
