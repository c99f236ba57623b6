"""What a check advises, in words."""

from dataclasses import dataclass

from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Detector
from bitprior_runtime.camera.symptoms import Symptom
from bitprior_runtime.camera.ways import Way, Ways
from bitprior_runtime.sensing.operator import named


@dataclass(frozen=True)
class Advice:
    """What is wrong, and what to change.

    Attributes:
        text: For people.
        key: The key of the camera file that ``--fix`` changes; empty: none.
    """

    text: str
    key: str = ""


def of_symptoms(detector: Detector, symptoms: tuple[Symptom, ...]) -> list[Advice]:
    """Return what to change because of readings that are odd by themselves."""
    found = []
    for symptom in symptoms:
        known = set(symptom.readings) <= set(detector.leave_out)
        if symptom.kind == "saturated":
            if detector.saturation is None:
                found.append(
                    Advice(f"{symptom.text}: saturation = {symptom.level:g}", "saturation")
                )
        elif symptom.leave_out and symptom.kind != "missing" and not known:
            found.append(Advice(f"{symptom.text}: left out", "leave_out"))
    return found


def of_way(camera: Camera, ways: Ways) -> list[Advice]:
    """Return what to change so that patterns and readings belong together."""
    best, written = ways.best, ways.written
    if best is written:
        if best.pairs == camera.detector.pairs:
            return []
        return [Advice(f'pairs = "{best.pairs}"', "pairs")]
    more = f"explains {100 * best.share:.1f} % instead of {100 * written.share:.1f} %"
    found = []
    if best.lag != camera.detector.lag:
        found.append(Advice(f"lag = {best.lag}: {_lag_in_words(best)} {more}", "lag"))
    if best.pairs != camera.detector.pairs:
        found.append(Advice(f'pairs = "{best.pairs}": {more}', "pairs"))
    key = best.candidate.key
    if key == "frame":
        text = (
            f'frame = "{named(best.candidate.camera.frame)}" {more} (or its sides in the other '
            "order with transposed patterns: the readings cannot tell)"
        )
        found.append(Advice(text, key))
    elif key:
        text = f'operator = "{best.candidate.camera.operator}": {best.candidate.name} {more}'
        text += _or(ways)
        found.append(Advice(text, key))
    return found


def _or(ways: Ways) -> str:
    if not ways.equal:
        return ""
    return f" (or {', '.join(ways.equal)}, the picture transposed: the readings cannot tell)"


def _lag_in_words(way: Way) -> str:
    if way.lag == 0:
        return "the first reading belongs to the first pattern;"
    many = f"{abs(way.lag)} reading{'s' if abs(way.lag) > 1 else ''}"
    return f"{many} too {'many' if way.lag > 0 else 'few'} at the start;"


def of_nothing(ways: Ways) -> Advice:
    """Return what is said where no way explains anything; it changes nothing."""
    most = 100 * max(way.share for way in ways.all)
    return Advice(
        f"these patterns explain nothing of these readings: at most {most:.1f} % at any lag, pair "
        "order or order of patterns. They are other patterns (another seed, another size of "
        "macropixel, another file), or the readings carry no signal"
    )
