"""Ops that move, join or resize parts of an image, beside the same in torch."""

import torch

from bitprior_runtime.program import Node
from builders.cases import Case

F = torch.nn.functional
TANH = (Node("Tanh", ("in",), "t"),)
LAST = 2**63 - 1


def cut(starts, ends, axes, steps):
    return {"starts": starts, "ends": ends, "axes": axes, "steps": steps}


def resized(sizes, mode="nearest", transformation="half_pixel", rounding="round_prefer_floor"):
    return {
        "sizes": sizes,
        "mode": mode,
        "coordinate_transformation_mode": transformation,
        "nearest_mode": rounding,
    }


IMAGE_CASES = [
    Case("Concat", (2, 3), {"axis": 1}, {}, lambda x: torch.cat([x, torch.tanh(x)], 1),
         reads=("in", "t"), before=TANH),
    Case("Concat", (2, 3), {"axis": 2}, {}, lambda x: torch.cat([torch.tanh(x), x, x], 2),
         reads=("t", "in", "in"), before=TANH),
    Case("Slice", (6,), cut((1,), (4,), (1,), (1,)), {}, lambda x: x[:, 1:4]),
    Case("Slice", (5, 4, 7), cut((-3, 2), (LAST, -1), (1, 3), (1, 2)), {},
         lambda x: x[:, -3:, :, 2:-1:2]),
    Case("Slice", (2, 5), cut((-1,), (-LAST,), (2,), (-2,)), {},
         lambda x: x.flip(2)[:, :, ::2]),
    Case("Resize", (3, 4, 5), resized((8, 10), transformation="asymmetric", rounding="floor"), {},
         lambda x: F.interpolate(x, scale_factor=2, mode="nearest")),
    Case("Resize", (2, 5, 6), resized((7, 4), transformation="asymmetric", rounding="floor"), {},
         lambda x: F.interpolate(x, size=(7, 4), mode="nearest")),
    Case("Resize", (2, 5, 6), resized((7, 9), rounding="round_prefer_ceil"), {},
         lambda x: F.interpolate(x, size=(7, 9), mode="nearest-exact")),
    Case("Resize", (2, 4, 5), resized((8, 15), "linear"), {},
         lambda x: F.interpolate(x, size=(8, 15), mode="bilinear")),
    Case("Resize", (2, 5, 6), resized((7, 1), "linear", "half_pixel"), {},
         lambda x: F.interpolate(x, size=(7, 1), mode="bilinear")),
    Case("Resize", (2, 5, 6), resized((1, 11), "linear", "align_corners"), {},
         lambda x: F.interpolate(x, size=(1, 11), mode="bilinear", align_corners=True)),
]  # fmt: skip
