"""Range analysis: no accumulator of a linear node can leave int32, whatever its input."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import Kind
from bitprior_runtime.integer.products import Product
from bitprior_runtime.integer.real import Floats, RealLinear, RealProgram, Weight, leader_of
from bitprior_runtime.integer.requantise import out_of_range
from bitprior_runtime.integer.steps import Range

INT32_MAX = 2**31 - 1
# Fewer than 6 bits of an activation are of no use.
LEAST_LIMIT = 63
# A bias this much larger than anything one weight can add stands for its whole channel.
_NEGLIGIBLE = 2.0**24


def product_of(node: RealLinear) -> Product:
    """Return the integer product of a linear node."""
    weight = node.weight.integers.astype(np.float64)
    return Product(node.kind, weight, node.geometry, node.source_shape, node.target_shape)


def lowered_limits(program: RealProgram, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Return the ranges with limits so low that every forward sum fits int32.

    max over outputs of sum |weight| * limit + |bias| <= 2^31 - 1, whatever the input.

    Args:
        program: The lowered program.
        ranges: By leader.

    Raises:
        ProgramError: A limit would have to be below LEAST_LIMIT; the node is named.
    """
    leader = leader_of(program)
    found = dict(ranges)
    for node in program.nodes:
        if isinstance(node, RealLinear):
            where = leader[node.source]
            limit = _limit(node, found[where])
            found[where] = Range(found[where].absmax, limit)
    return found


def _limit(node: RealLinear, its: Range) -> int:
    product = product_of(node).cropped()
    inner = node.inner if product.geometry is None else math.prod(product.target[1:])
    reach = product.reach().reshape(-1, len(node.bias), inner).max(axis=(0, 2))
    bias = np.abs(node.bias) / (its.absmax * node.weight.scale)
    largest = float((reach + bias).max())
    limit = min(its.limit, int(INT32_MAX / largest)) if largest else its.limit
    # The quotient above is rounded; only this comparison of integers counts.
    while limit >= LEAST_LIMIT and not _fits(node, reach, Range(its.absmax, limit)):
        limit -= 1
    if limit < LEAST_LIMIT:
        raise out_of_range(node.name, f"sums up to {largest:g} times an activation")
    return limit


def _fits(node: RealLinear, reach: NDArray[np.int64], its: Range) -> bool:
    sums = reach * its.limit + np.abs(integer_bias(node, its.step))
    return bool((sums <= INT32_MAX).all())


def integer_bias(node: RealLinear, step: float) -> NDArray[np.int64]:
    """Return the bias in units of the accumulator, step * scale."""
    units = np.rint(node.bias / (step * node.weight.scale))
    return np.clip(units, -(2.0**40), 2.0**40).astype(np.int64)


def cotangent_limit(node: RealLinear, bits: int) -> int:
    """Return the largest cotangent whose transposed product cannot leave int32.

    Raises:
        ProgramError: It is below LEAST_LIMIT.
    """
    largest = int(product_of(node).cropped().adjoint_reach().max())
    limit = min((1 << (bits - 1)) - 1, INT32_MAX // max(largest, 1))
    if limit < LEAST_LIMIT:
        raise out_of_range(node.name, f"sums up to {largest} times a cotangent")
    return limit


def silence_negligible(program: RealProgram, ranges: Mapping[str, Range]) -> RealProgram:
    """Return the program with weights 0 in channels that are their bias, or have no weights.

    A batch norm may fold to a channel of scale 1e-38 with a bias of 1: in units of its weights
    that bias fits no integer. Such a channel gets a scale that suits its bias.
    """
    leader = leader_of(program)
    nodes = [
        _silenced(node, ranges[leader[node.source]].absmax)
        if isinstance(node, RealLinear)
        else node
        for node in program.nodes
    ]
    return replace(program, nodes=nodes)


def _silenced(node: RealLinear, absmax: float) -> RealLinear:
    weight = node.weight
    silent = empty_channels(node)
    silent = silent | (np.abs(node.bias) > _NEGLIGIBLE * absmax * weight.scale)
    if not silent.any():
        return node
    suited = np.where(node.bias == 0, 1.0, np.abs(node.bias) / (absmax * 256.0))
    integers = weight.integers * _along_channels(node, (~silent).astype(weight.integers.dtype))
    kept = Weight(integers, 8, 1, 128, np.where(silent, suited, weight.scale))
    return replace(node, weight=kept)


def empty_channels(node: RealLinear) -> NDArray[np.bool_]:
    """Return which output channels have no weight but 0, [channels]."""
    integers = node.weight.integers
    if node.kind is Kind.CONV_TRANSPOSE:
        assert node.geometry is not None
        parts = integers.reshape(node.geometry.group, -1, *integers.shape[1:])
        return np.logical_not(parts.any(axis=(1, 3, 4))).reshape(-1)
    rows = integers.reshape(len(integers), -1)
    return np.logical_not(rows.any(axis=1))


def _along_channels(node: RealLinear, values: NDArray[Any]) -> NDArray[Any]:
    """Return values [channels] in a shape that broadcasts to the weight."""
    integers = node.weight.integers
    if node.kind is not Kind.CONV_TRANSPOSE:
        return values.reshape(-1, *[1] * (integers.ndim - 1))
    assert node.geometry is not None
    group = node.geometry.group
    each = values.reshape(group, 1, -1, 1, 1)
    shape = (group, len(integers) // group, integers.shape[1], 1, 1)
    return np.broadcast_to(each, shape).reshape(len(integers), integers.shape[1], 1, 1)


def slope_scale(node: RealLinear) -> Floats:
    """Return the scales as far as cotangents meet them: a channel without weights passes none."""
    return np.where(empty_channels(node), 0.0, node.weight.scale)
