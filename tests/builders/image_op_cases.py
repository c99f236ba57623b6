"""Ops that move, join, resize, pool or normalise parts of an image, beside the same in torch."""

from bitprior_runtime.program import Node
from builders.cases import Case, F, torch, weights

TANH = (Node("Tanh", ("in",), "t"),)
LAST = 2**63 - 1
SCALE, SHIFT = weights(3), weights(3)


def cut(starts, ends, axes, steps):
    return {"starts": starts, "ends": ends, "axes": axes, "steps": steps}


def resized(sizes, mode="nearest", transformation="half_pixel", rounding="round_prefer_floor"):
    return {
        "sizes": sizes,
        "mode": mode,
        "coordinate_transformation_mode": transformation,
        "nearest_mode": rounding,
    }


def pooled(kernel, strides=(1, 1), pads=(0, 0, 0, 0), count=0):
    return {"kernel_shape": kernel, "strides": strides, "pads": pads, "count_include_pad": count}


def dcr(x):
    """Blocks from the first channels, as the definition of DepthToSpace writes it."""
    n, c, h, w = x.shape
    taken = x.reshape(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2)
    return taken.reshape(n, c // 4, 2 * h, 2 * w)


def to_depth(x):
    n, c, h, w = x.shape
    taken = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)
    return taken.reshape(n, 4 * c, h // 2, w // 2)


MOVING = [
    Case("Concat", (2, 3), {"axis": 1}, {}, lambda x: torch.cat([x, torch.tanh(x)], 1),
         reads=("in", "t"), before=TANH),
    Case("Concat", (2, 3), {"axis": 2}, {}, lambda x: torch.cat([torch.tanh(x), x, x], 2),
         reads=("t", "in", "in"), before=TANH),
    Case("Slice", (6,), cut((1,), (4,), (1,), (1,)), {}, lambda x: x[:, 1:4]),
    Case("Slice", (5, 4, 7), cut((-3, 2), (LAST, -1), (1, 3), (1, 2)), {},
         lambda x: x[:, -3:, :, 2:-1:2]),
    Case("Slice", (2, 5), cut((-1,), (-LAST,), (2,), (-2,)), {},
         lambda x: x.flip(2)[:, :, ::2]),
    Case("Pad", (2, 3, 4), {"pads": (0, 1, 2, 0, 0, 3), "value": 0.5}, {},
         lambda x: F.pad(x, (2, 3, 1, 0), value=0.5)),
    Case("Pad", (5,), {"pads": (1, 2)}, {}, lambda x: F.pad(x, (1, 2))),
    Case("Pad", (2, 3, 4), {"pads": (0, 2, 1, 0, 1, 3), "mode": "reflect"}, {},
         lambda x: F.pad(x, (1, 3, 2, 1), mode="reflect")),
    Case("Pad", (2, 3, 4), {"pads": (0, 2, 0, 0, 4, 5), "mode": "edge"}, {},
         lambda x: F.pad(x, (0, 5, 2, 4), mode="replicate")),
    Case("Pad", (2, 3, 4), {"pads": (1, 0, 0, 2, 0, 0), "mode": "edge"}, {},
         lambda x: F.pad(x[None], (0, 0, 0, 0, 1, 2), mode="replicate")[0]),
    Case("Transpose", (2, 3, 4), {"perm": (0, 3, 1, 2)}, {}, lambda x: x.permute(0, 3, 1, 2)),
    Case("DepthToSpace", (8, 3, 2), {"blocksize": 2, "mode": "CRD"}, {},
         lambda x: F.pixel_shuffle(x, 2)),
    Case("DepthToSpace", (8, 3, 2), {"blocksize": 2}, {}, dcr),
    Case("SpaceToDepth", (2, 6, 4), {"blocksize": 2}, {}, to_depth),
]  # fmt: skip

RESIZING = [
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

AVERAGING = [
    Case("AveragePool", (2, 6, 7), pooled((2, 3), (2, 2)), {},
         lambda x: F.avg_pool2d(x, (2, 3), 2)),
    Case("AveragePool", (2, 6, 7), pooled((3, 3), (2, 1), (1, 1, 1, 1), 1), {},
         lambda x: F.avg_pool2d(x, 3, (2, 1), 1)),
    Case("AveragePool", (2, 6, 7), pooled((3, 2), (1, 2), (1, 1, 1, 1)), {},
         lambda x: F.avg_pool2d(x, (3, 2), (1, 2), 1, count_include_pad=False)),
    Case("MaxPool", (2, 6, 7), {"kernel_shape": (2, 2), "strides": (2, 2)}, {},
         lambda x: F.max_pool2d(x, 2)),
    Case("MaxPool", (3, 6, 7),
         {"kernel_shape": (3, 2), "strides": (2, 1), "pads": (1, 1, 1, 1)}, {},
         lambda x: F.max_pool2d(x, (3, 2), (2, 1), 1)),
    Case("GlobalAveragePool", (2, 3, 4), {}, {}, lambda x: x.mean((2, 3), keepdim=True)),
    Case("ReduceMean", (2, 3, 4), {"axes": (1, 3)}, {}, lambda x: x.mean((1, 3), keepdim=True)),
    Case("ReduceMean", (2, 3, 4), {"axes": (3, 2), "keepdims": 0}, {}, lambda x: x.mean((2, 3))),
    Case("ReduceSum", (2, 3, 4), {"axes": (2,)}, {}, lambda x: x.sum(2, keepdim=True)),
    Case("ReduceSum", (2, 3), {"axes": (1, 2), "keepdims": 0}, {}, lambda x: x.sum((1, 2))),
    Case("InstanceNormalization", (3, 4, 5), {"epsilon": 1e-3}, {"s": SCALE, "b": SHIFT},
         lambda x: F.instance_norm(
             x, weight=torch.tensor(SCALE), bias=torch.tensor(SHIFT), eps=1e-3)),
    Case("InstanceNormalization", (3, 6), {}, {"s": SCALE, "b": SHIFT},
         lambda x: F.instance_norm(x, weight=torch.tensor(SCALE), bias=torch.tensor(SHIFT))),
]  # fmt: skip

IMAGE_CASES = [*MOVING, *RESIZING, *AVERAGING]
