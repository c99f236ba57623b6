"""Tables of functions, worked out in decimal arithmetic: the same digits on every machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import TABLE_BITS, UNIT

_DIGITS = 40
_SPAN = 1 << (16 - TABLE_BITS)

Pair: TypeAlias = tuple[Decimal, Decimal]


@dataclass(frozen=True)
class Function:
    """A function with its derivative.

    Attributes:
        value_and_slope: (x, alpha) -> (f(x), f'(x)), in decimal.
        reach: Beyond +-reach it is constant, within what 16 bits tell apart; None: it grows.
    """

    value_and_slope: Callable[[Decimal, Decimal], Pair]
    reach: float | None


def _sigmoid(x: Decimal, alpha: Decimal) -> Pair:
    value = 1 / (1 + (-x).exp())
    return value, value * (1 - value)


def _tanh(x: Decimal, alpha: Decimal) -> Pair:
    value = 1 - 2 / (1 + (2 * x).exp())
    return value, 1 - value * value


def _elu(x: Decimal, alpha: Decimal) -> Pair:
    if x > 0:
        return x, Decimal(1)
    decay = alpha * x.exp()
    return decay - alpha, decay


def _softplus(x: Decimal, alpha: Decimal) -> Pair:
    # ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|): no large exponent.
    value = max(x, Decimal(0)) + (1 + (-abs(x)).exp()).ln()
    return value, 1 / (1 + (-x).exp())


# Where tanh and the sigmoid differ from their limits by less than half a step of 16 bits.
FUNCTIONS: Mapping[str, Function] = {
    "Elu": Function(_elu, None),
    "Sigmoid": Function(_sigmoid, 12.0),
    "Softplus": Function(_softplus, None),
    "Tanh": Function(_tanh, 6.0),
}


@dataclass(frozen=True, eq=False)
class Table:
    """A function at q = -32768, -32768 + 2^(16 - TABLE_BITS), ..., 32768.

    Attributes:
        values: int32 [2^TABLE_BITS + 1], outputs.
        slopes: int32 [2^TABLE_BITS + 1], derivatives, of magnitude at most UNIT.
        slope_unit: Real value of 1 among the slopes.
    """

    values: NDArray[np.int32]
    slopes: NDArray[np.int32]
    slope_unit: float


def tabulate(
    name: str, alpha: float, gain: float, offset: float, step: float, out_step: float, limit: int
) -> Table:
    """Return the table of gain * f(step * q) + offset.

    Args:
        name: One of :data:`FUNCTIONS`.
        alpha: Its parameter, if it has one.
        gain: Factor on its values.
        offset: Added to them.
        step: Real value of 1 in the input.
        out_step: Real value of 1 in the output.
        limit: Largest magnitude of the output.
    """
    with localcontext(Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)):
        pairs = [
            FUNCTIONS[name].value_and_slope(Decimal(step) * q, Decimal(alpha))
            for q in range(-(1 << 15), (1 << 15) + 1, _SPAN)
        ]
        scale = Decimal(gain) / Decimal(out_step)
        shift = Decimal(offset) / Decimal(out_step)
        # Clipped as whole numbers of any size: a steep one leaves int64 within a step.
        values = [max(-limit, min(limit, _rounded(v * scale + shift))) for v, _ in pairs]
        steepest = max(abs(slope) for _, slope in pairs) * abs(Decimal(gain))
        unit = steepest / UNIT if steepest else Decimal(1)
        slopes = [_rounded(slope * Decimal(gain) / unit) for _, slope in pairs]
    return Table(
        np.array(values, np.int32),
        np.array(slopes, np.int32),
        float(unit),
    )


def _rounded(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_HALF_EVEN))


def look_up(table: NDArray[np.int32], q: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a table's linear interpolation at q in -32768..32767, rounded half up."""
    bits = 16 - TABLE_BITS
    place = (q + (1 << 15)) >> bits
    fraction = (q + (1 << 15)) & (_SPAN - 1)
    left, right = table[place].astype(np.int64), table[place + 1].astype(np.int64)
    value: NDArray[np.int64] = (
        left * (_SPAN - fraction) + right * fraction + (1 << (bits - 1))
    ) >> bits
    return value
