"""What a check found, as text for people and as values for JSON."""

from typing import Any

from bitprior_runtime.camera.findings import Check
from bitprior_runtime.camera.ways import Way


def describe(check: Check) -> str:
    """Return a check as lines of text."""
    first = (
        f"{check.readings} readings, {check.patterns} patterns; shares of the variance that are "
        f"explained, held out ({check.ways.looked_at} readings looked at):"
    )
    lines = [
        first,
        f"  as written  {_percent(check.written_share)}",
        *_families(check),
    ]
    lines += [f"  note: {note}" for note in (*check.notes, *check.corrected.notes)]
    lines += [f"  {symptom.text}" for symptom in check.symptoms]
    lines.append(f"  used: {check.corrected}")
    if check.scale is not None:
        lines.append(
            f"  noise {check.scale.sigma:.4g}, gain {check.scale.gain:.4g}, "
            f"offset {check.scale.offset:.4g} ({check.scale.how})"
        )
    if not check.advice:
        lines.append("Nothing to change.")
    lines += [f"{'change' if advice.key else 'note'}: {advice.text}" for advice in check.advice]
    return "\n".join(lines)


def figures(check: Check) -> dict[str, Any]:
    """Return a check as values for JSON."""
    scale = check.scale
    return {
        "readings": check.readings,
        "patterns": check.patterns,
        "looked_at": check.ways.looked_at,
        "best_as_written": check.best_as_written,
        "explains": check.explains,
        "share_as_written": check.written_share,
        "share": check.share,
        "ways": [
            {"patterns": w.candidate.name, "pairs": w.pairs, "lag": w.lag, "share": w.share,
             "evidence": w.evidence, "readings": w.readings}
            for w in check.ways.all
        ],
        "tried": [
            {"family": t.family, "name": t.name, "share": t.share, "evidence": t.evidence}
            for t in check.tried
        ],
        "polarity": {"shares": check.polarity.shares, "sign": check.polarity.sign},
        "symptoms": [
            {"kind": s.kind, "readings": list(s.readings), "text": s.text} for s in check.symptoms
        ],
        "outlying": list(check.outlying.patterns),
        "start": list(check.outlying.start),
        "left_out": dict(check.corrected.left_out),
        "noise": None if scale is None else scale.sigma,
        "gain": None if scale is None else scale.gain,
        "offset": None if scale is None else scale.offset,
        "advice": [{"key": a.key, "text": a.text} for a in check.advice],
    }  # fmt: skip


def _families(check: Check) -> list[str]:
    ways = check.ways
    best = ways.best
    lags = sorted((w for w in ways.all if w.key[:2] == best.key[:2]), key=lambda w: w.lag)
    lines = ["  lag         " + "  ".join(f"{w.lag}: {_percent(w.share)}" for w in lags)]
    lines += _row("pairs", {w.pairs: w.share for w in _varied(ways.all, 1)})
    lines += _row("patterns", {w.candidate.name: w.share for w in _varied(ways.all, 0)})
    for family in ("drift", "view"):
        lines += _row(family, {t.name: t.share for t in check.tried if t.family == family})
    views = [t for t in check.tried if t.family == "view"]
    if views and all(abs(t.evidence) < 1.0 for t in views):
        lines.append("              (photos are as likely mirrored: look at the picture)")
    polarity = check.polarity
    if polarity.shares is None:
        if check.explains:
            lines.append("  polarity    cannot be told: no pattern says how bright the scene is")
    else:
        own = check.camera.detector.polarity
        plus, minus = polarity.shares if own > 0 else polarity.shares[::-1]
        lines.append(f"  polarity    1: {_percent(max(plus, 0))}  -1: {_percent(max(minus, 0))}")
    return lines


def _varied(ways: tuple[Way, ...], place: int) -> list[Way]:
    """Return the best way for each value of one thing, best first; none if there is one value."""
    best: dict[Any, Way] = {}
    for way in sorted(ways, key=lambda way: -way.evidence):
        best.setdefault(way.key[place], way)
    return list(best.values()) if len(best) > 1 else []


def _row(name: str, shares: dict[str, float]) -> list[str]:
    if not shares:
        return []
    return [f"  {name:<11} " + "  ".join(f"{k}: {_percent(v)}" for k, v in shares.items())]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
