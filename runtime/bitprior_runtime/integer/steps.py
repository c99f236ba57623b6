"""What real value an integer has: steps from calibrated ranges, limits from range analysis."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bitprior_runtime.errors import UsageError
from bitprior_runtime.integer.plan import MEASUREMENT_BITS, MEASUREMENT_MAX
from bitprior_runtime.integer.real import RealProgram, RealTable, leader_of
from bitprior_runtime.integer.tables import FUNCTIONS

WIDE_BITS = 16
# A solver may leave the calibrated range of latents: room for it, at 16 bits.
LATENT_ROOM = 4.0
# 16 bits have steps to spare for values that calibration has not met.
WIDE_ROOM = 2.0


@dataclass(frozen=True)
class Range:
    """Range of a tensor that fixes the step of one or more tensors.

    Attributes:
        absmax: Real value of the limit.
        limit: Largest magnitude.
    """

    absmax: float
    limit: int

    @property
    def step(self) -> float:
        """Real value of 1."""
        return self.absmax / self.limit


def ranges_of(
    program: RealProgram, absmax: Mapping[str, float], bits: int, image: Range
) -> dict[str, Range]:
    """Return the range of every leader before range analysis.

    Args:
        program: The lowered program.
        absmax: Calibrated ranges by tensor.
        bits: Of activations.
        image: Range of the images.

    Raises:
        UsageError: A tensor has no calibrated range.
    """
    leader = leader_of(program)
    ends = {leader[program.source], leader[program.target]}
    tabulated = {leader[node.source]: node for node in program.nodes if isinstance(node, RealTable)}
    found: dict[str, Range] = {}
    for name in dict.fromkeys(leader.values()):
        if name in ends:
            found[name] = image
            continue
        members = [member for member, its in leader.items() if its == name]
        found[name] = _range(_calibrated(program, members, absmax), bits, tabulated.get(name))
    if program.name == "generator":
        largest = LATENT_ROOM * absmax_of(program, program.source, absmax)
        found[leader[program.source]] = Range(largest, _limit(WIDE_BITS))
    elif program.nodes:  # else it is the identity: measurements are the image
        largest = absmax_of(program, program.target, absmax)
        reach = largest * MEASUREMENT_MAX / (1 << MEASUREMENT_BITS)
        found[leader[program.target]] = Range(reach, MEASUREMENT_MAX)
    return found


def _range(largest: float, bits: int, table: RealTable | None) -> Range:
    if table is None:
        return Range(largest * (WIDE_ROOM if bits == WIDE_BITS else 1.0), _limit(bits))
    reach = FUNCTIONS[table.function].reach
    room = WIDE_ROOM * largest
    return Range(room if reach is None else min(room, reach), _limit(WIDE_BITS))


def _limit(bits: int) -> int:
    return (1 << (bits - 1)) - 1


def absmax_of(program: RealProgram, name: str, absmax: Mapping[str, float]) -> float:
    """Return the calibrated range of a tensor, under any name it has in the program."""
    return _calibrated(program, [name], absmax)


def _calibrated(program: RealProgram, members: Iterable[str], absmax: Mapping[str, float]) -> float:
    names = [alias for member in members for alias in program.aliases.get(member, ())]
    known = [absmax[name] for name in names if name in absmax]
    if not known:
        raise UsageError(
            f"a calibrated range of {', '.join(names) or 'every tensor'} in {program.name!r}",
            "none",
            "export the model again with this version of bitprior, which calibrates",
        )
    return max(known)
