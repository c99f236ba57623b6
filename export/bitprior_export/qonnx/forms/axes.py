"""Ops that move values without changing them: views, cuts, joins, transpositions, reductions."""

import math
from collections.abc import Callable, Mapping, Sequence

from bitprior_export.qonnx.forms.plain import plain
from bitprior_export.qonnx.site import BATCH_MARK, Part, Site
from bitprior_export.qonnx.values import UnfitError
from bitprior_runtime.program import Shape

_END = 2**63 - 1


def _view(site: Site, shape: Shape) -> Sequence[Part]:
    return [Part("Reshape", (site.inputs[0],), site.output, {"shape": shape})]


def _reshape(site: Site) -> Sequence[Part]:
    if site.attribute("allowzero", 0):
        raise UnfitError("allowzero is set")
    if not site.has(1):
        raise UnfitError("its target shape is not a constant")
    try:
        target = site.integers(1)
    except UnfitError as error:
        raise UnfitError(f"its target shape is no constant list of integers: {error}") from error
    return _view(site, without_batch(target, site.shape(), site.batch))


def without_batch(target: Sequence[int], source: Shape, batch: int | None) -> Shape:
    """Return a Reshape's target without the batch axis.

    Args:
        target: With the batch; 0 copies an axis, -1 is what is left.
        source: Shape of what is reshaped, without the batch.
        batch: Batch size the graph is fixed to, or None.

    Raises:
        UnfitError: The batch does not stay the first axis.
    """
    if len(target) < 2:
        raise UnfitError("its target shape is not a list of two or more integers")
    first, *rest = target
    if first not in (0, -1, batch, BATCH_MARK) or (first == -1 and -1 in rest):
        raise UnfitError(f"its target {list(target)} does not keep the batch axis first")
    if any(size == 0 and axis >= len(source) for axis, size in enumerate(rest)):
        raise UnfitError(f"its target {list(target)} copies an axis the input has not")
    sizes = [size or source[axis] for axis, size in enumerate(rest)]
    if -1 in sizes:
        known = -math.prod(sizes)
        sizes[sizes.index(-1)] = math.prod(source) // known if known > 0 else 0
    return tuple(sizes)


def _squeeze(site: Site) -> Sequence[Part]:
    wanted = site.integers(1) if site.has(1) else site.attribute("axes")
    if not wanted:
        raise UnfitError("it squeezes whatever has size 1, perhaps the batch; name its axes")
    shape, axes = site.shape(), {site.axis(axis) for axis in wanted}
    if any(shape[axis - 1] != 1 for axis in axes):
        raise UnfitError(f"axes {sorted(axes)} of shape {shape} are not of size 1")
    return _view(site, tuple(size for axis, size in enumerate(shape, 1) if axis not in axes))


def _unsqueeze(site: Site) -> Sequence[Part]:
    wanted = site.integers(1) if site.has(1) else site.attribute("axes", ())
    shape = site.shape()
    rank = len(shape) + 1 + len(wanted)
    axes = {site.axis(axis, rank) for axis in wanted}
    if len(axes) != len(wanted):
        raise UnfitError(f"axes {list(wanted)} that are not different")
    old = iter(shape)
    return _view(site, tuple(1 if axis in axes else next(old) for axis in range(1, rank)))


def _transpose(site: Site) -> Sequence[Part]:
    perm = site.attribute("perm")
    if perm is None:
        raise UnfitError("it turns all axes round, the batch among them")
    return [Part("Transpose", (site.inputs[0],), site.output, {"perm": tuple(perm)})]


def _concat(site: Site) -> Sequence[Part]:
    axis = site.axis(site.attribute("axis"))
    return [Part("Concat", tuple(site.inputs), site.output, {"axis": axis})]


def cut(source: str, output: str, bounds: Sequence[tuple[int, int, int, int]]) -> Part:
    """Return a Slice by (axis, start, end, step) for each axis it cuts."""
    axes, starts, ends, steps = zip(*bounds, strict=True)
    attributes = {"axes": axes, "starts": starts, "ends": ends, "steps": steps}
    return Part("Slice", (source,), output, attributes)


def _slice(site: Site) -> Sequence[Part]:
    starts, ends = site.integers(1), site.integers(2)
    rank = len(site.shape()) + 1
    axes = site.integers(3) if site.has(3) else tuple(range(len(starts)))
    steps = site.integers(4) if site.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise UnfitError("starts, ends, axes and steps of different lengths")
    bounds = []
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        whole = start == 0 and step == 1 and end in (BATCH_MARK, _END, 2**31 - 1)
        if axis % rank == 0 and whole:
            continue  # all of the batch
        bounds.append((site.axis(axis), start, end, step))
    if not bounds:
        return [Part("Identity", (site.inputs[0],), site.output)]
    return [cut(site.inputs[0], site.output, bounds)]


def _split(site: Site) -> Sequence[Part]:
    axis = site.axis(site.attribute("axis", 0))
    size, outputs = site.shape()[axis - 1], site.outputs
    if site.has(1):
        sizes = site.integers(1)
    else:
        each = -(-size // len(outputs))
        sizes = (*[each] * (len(outputs) - 1), size - each * (len(outputs) - 1))
    if len(sizes) != len(outputs) or sum(sizes) != size or min(sizes) < 1:
        raise UnfitError(f"a split of {size} into {list(sizes)} for {len(outputs)} outputs")
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    return [
        cut(site.inputs[0], output, [(axis, end - length, end, 1)])
        for output, length, end in zip(outputs, sizes, ends, strict=True)
        if output
    ]


def _reduce(site: Site) -> Sequence[Part]:
    wanted = site.integers(1) if site.has(1) else site.attribute("axes", ())
    if not wanted:
        raise UnfitError("it reduces all axes, the batch among them")
    axes = tuple(sorted(site.axis(axis) for axis in wanted))
    keep = int(site.attribute("keepdims", 1))
    return [Part(site.op, (site.inputs[0],), site.output, {"axes": axes, "keepdims": keep})]


FORMS: Mapping[str, Callable[[Site], Sequence[Part]]] = {
    "Concat": _concat,
    "Flatten": plain,
    "ReduceMean": _reduce,
    "ReduceSum": _reduce,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
