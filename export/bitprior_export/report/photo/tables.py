"""Tables of recovered photos."""

from collections.abc import Sequence

from bitprior_export.report.photo.published import BSD68_NOTE, PEERS, PHOTOS, Peer
from bitprior_export.report.photo.results import PhotoResult, PhotoRow, PhotoTime
from bitprior_export.report.photo.selection import OfSet, Sensed, by_set, column_names
from bitprior_export.report.results import FLOAT_BITS
from bitprior_export.report.table import NONE, Table

NAMES = {"set11": "Set11", "bsd68": "BSD68", "photos-validation": "validation"}
_ARROW = "\N{RIGHTWARDS ARROW}"
_TIMES = "\N{MULTIPLICATION SIGN}"
# Times are told of photos of this frame, measured by this share of their pixels.
TIMED_FRAME, TIMED_RATIO = (256, 256), 0.1
PEER_COLUMN = "10 %"
KINDS = {
    "gaussian-blocks": "Gaussian rows of a seed no training had",
    "walsh-blocks": "Walsh functions of lowest sequency",
    "blocks": "a matrix for blocks",
    "matrix": "a matrix for the photo",
}

_OTHERS = (
    f"PSNR in dB; of priors that of the start {_ARROW} after the steps. The same weights as in all "
    "other tables."
)
_NOISE = (
    "Noise: Gaussian, its standard deviation as a share of the root mean square of a photo's "
    "measurements without noise; recovery and linear estimate are told it."
)
_COSTS = (
    "Bytes: of a prior its whole file, which serves every ratio, matrix and frame. Weights: of all "
    "its networks. Times: whole recoveries, one photo at a time, engine on one thread, after one "
    "that is not timed. ISTA-Net+ was timed in another run: for ratios from one run see "
    "results/photo-speed.json."
)
_BUSY = "Other work ran on the machine: compare these times, do not quote them."
_PLAIN = {
    "linear MMSE": "Linear MMSE: the linear estimate of least mean squared error, with mean and "
    "covariance of photos, which the prior holds.",
    "PCA": "PCA: as many principal components of each block as the others have measurements of it, "
    "fitted on the training photos, decoded by the best linear estimate: another way to measure, "
    "which no random matrix is.",
    "pseudo-inverse": "Pseudo-inverse: the image of least norm that has the measurements.",
}


def photo_tables(photos: Sequence[PhotoResult]) -> Sequence[Table]:
    """Return every table that evaluations on photos fill."""
    tables = []
    for found in by_set(photos):
        tables += [quality_table(found), *steps_table(found), *others_table(found)]
    return [*tables, *costs_table(photos)]


def quality_table(found: OfSet) -> Table:
    """Return PSNR and SSIM of a set's photos by method and share of measurements."""
    columns = found.main
    rows = [
        [label, *(_pair(of.get(key)) for key in columns)]
        for label, of in found.rows.items()
        if any(key in of for key in columns)
    ]
    peers = _peers(found)
    rows += [[peer.label, *_peer_cells(found, peer, columns)] for peer in peers]
    title = f"Photos, {set_name(found)}: block measurements, {_shares(found)} of the pixels' number"
    notes = [_conditions(found), *_gaps(found, columns), *_plain_notes(found)]
    notes += [f"{peer.label}: {peer.source}." for peer in peers]
    if peers and found.dataset == "bsd68":
        notes.append(BSD68_NOTE)
    names = column_names(found, columns)
    return Table(f"photos-{found.dataset}", title, ("PSNR, dB / SSIM", *names), rows, notes)


def steps_table(found: OfSet) -> Sequence[Table]:
    """Return what the steps of the search add to its start."""
    columns = found.main
    rows = [
        [label, *(_steps(of.get(key)) for key in columns)]
        for label, of in found.rows.items()
        if any(key in of and of[key].start_psnr is not None for key in columns)
    ]
    if not rows:
        return []
    title = f"Photos, {set_name(found)}: what the steps add"
    note = "PSNR of the start's image G(z0), in dB, and after the steps of the search."
    names = column_names(found, columns)
    name = f"photos-{found.dataset}-steps"
    return [Table(name, title, ("prior", *names), rows, [note])]


def others_table(found: OfSet) -> Sequence[Table]:
    """Return fresh matrices, Walsh functions and noise, a row each."""
    keys = found.others
    if not keys:
        return []
    labels = [label for label, of in found.rows.items() if any(key in of for key in keys)]
    rows = [
        [sensed_name(found.sensed[key]), *(_steps(found.rows[label].get(key)) for label in labels)]
        for key in keys
    ]
    title = f"Photos, {set_name(found)}: other matrices, and noise"
    name = f"photos-{found.dataset}-others"
    return [Table(name, title, ("measured by", *labels), rows, [_OTHERS, _NOISE])]


def costs_table(photos: Sequence[PhotoResult]) -> Sequence[Table]:
    """Return what each prior costs: bytes, bits and milliseconds."""
    sets = by_set(photos)
    rows, told = [], set()
    busy = False
    for found in sets:
        for label, prior in found.priors.items():
            if (prior.bundle, prior.engine) in told:
                continue
            told.add((prior.bundle, prior.engine))
            row, time = _timed(list(found.rows[label].values()))
            busy = busy or prior.busy
            rows.append(
                [
                    label,
                    f"{sum(count for _, count in prior.widths):,}",
                    ", ".join(_of_bits(bits, count) for bits, count in prior.widths),
                    f"{prior.mean_bits:.2f}",
                    f"{prior.bundle_bytes:,}",
                    f"{prior.solver}, {prior.steps} steps",
                    f"{prior.engine}/{prior.kernel}",
                    "" if time is None else _frame_name(row, time),
                    "" if time is None else f"{time.fastest:.0f} / {time.mean:.0f}",
                ]
            )
    if not rows:
        return []
    if any(_peers(found) for found in sets):
        rows += [_peer_cost(peer) for peer in PEERS if peer.bytes is not None]
    columns = (
        *("prior", "weights", "of which", "mean bits", "bytes", "search", "engine/kernel"),
        *("photo", "ms: fastest / mean"),
    )
    notes = [_COSTS, *([_BUSY] if busy else [])]
    return [Table("photos-costs", "Photos: what each prior costs", columns, rows, notes)]


def photo_rows_table(photos: Sequence[PhotoResult]) -> Sequence[Table]:
    """Return for every prior's row how it was run."""
    rows = [
        [
            result.name,
            prior.bundle,
            sensed_name(row),
            f"{prior.engine}/{prior.kernel}",
            f"{prior.solver}, {prior.steps} steps",
            str(result.seed),
            prior.machine,
            prior.commit,
        ]
        for result in photos
        for row in result.rows
        if (prior := row.prior) is not None
    ]
    columns = (
        *("result", "bundle", "measured by", "engine/kernel", "solver", "seed of the noise"),
        *("machine", "commit"),
    )
    title = "How each row on photos was run"
    return [Table("photo-rows", title, columns, rows)] if rows else []


def set_name(found: OfSet) -> str:
    """Return what a title calls a set."""
    return NAMES.get(found.dataset, found.dataset)


def sensed_name(row: PhotoRow) -> str:
    """Return an operator with its noise, for people."""
    kind = "the published matrices" if (row.matrix_file or "").startswith("block_m") else ""
    kind = kind or KINDS.get(row.operator_kind, row.operator_kind)
    side = round(row.n**0.5)
    block = f", {side} {_TIMES} {side}" if side * side == row.n else ""
    noise = f", noise {100 * row.noise:.3g} %" if row.noise else ""
    return f"{kind}{block}, {row.percent}{noise}"


def _of_bits(bits: int, count: int) -> str:
    return f"{count:,} of {bits} bit{'s' if bits > 1 else ''}"


def _frame_name(row: PhotoRow, time: PhotoTime) -> str:
    return f"{time.height} {_TIMES} {time.width} at {row.percent}"


def _timed(rows: Sequence[PhotoRow]) -> tuple[PhotoRow, PhotoTime | None]:
    """Return the time that the table tells: of the usual frame and share, or what is nearest."""
    chosen = min(rows, key=lambda row: (row.noise, abs(row.m / row.n - TIMED_RATIO)))
    height, width = TIMED_FRAME
    usual = [each for each in chosen.times if (each.height, each.width) == (height, width)]
    return chosen, next(iter([*usual, *chosen.times]), None)


def _peers(found: OfSet) -> Sequence[Peer]:
    whole = PHOTOS.get(found.dataset)
    fits = any(row.published and row.photos == whole for row in found.sensed.values())
    return [peer for peer in PEERS if fits and found.dataset in peer.psnr]


def _peer_cells(found: OfSet, peer: Peer, columns: Sequence[Sensed]) -> Sequence[str]:
    figures = peer.psnr[found.dataset]
    shares = [found.sensed[key].percent for key in columns]
    return [f"{figures[share]:.2f}" if share in figures else NONE for share in shares]


def _peer_cost(peer: Peer) -> list[str]:
    assert peer.bytes is not None
    weights = peer.bytes // 4
    time = (peer.ms or {}).get(PEER_COLUMN)
    cells = [
        peer.label,
        f"{weights:,}",
        _of_bits(FLOAT_BITS, weights),
        "32.00",
        f"{peer.bytes:,} a ratio",
    ]
    cells += ["9 phases", "torch", f"256 {_TIMES} 256 at {PEER_COLUMN}"]
    return [*cells, NONE if time is None else f"about {time:.0f}"]


def _pair(row: PhotoRow | None) -> str:
    return NONE if row is None else f"{row.psnr.mean:.2f} / {row.ssim.mean:.3f}"


def _steps(row: PhotoRow | None) -> str:
    if row is None:
        return NONE
    after = f"{row.psnr.mean:.2f}"
    return after if row.start_psnr is None else f"{row.start_psnr.mean:.2f} {_ARROW} {after}"


def _shares(found: OfSet) -> str:
    shares = list(dict.fromkeys(found.sensed[key].percent.split()[0] for key in found.main))
    return f"{', '.join(shares[:-1])} and {shares[-1]} %" if shares[1:] else f"{shares[0]} %"


def _conditions(found: OfSet) -> str:
    """Say on what photos, and how, a table's rows were found."""
    rows = [found.sensed[key] for key in found.main]
    parts = list(dict.fromkeys(result.part for result in found.results))
    measured = list(dict.fromkeys(_family(row) for row in rows))
    told = "all but ISTA-Net+ are told" if _peers(found) else "every method here is told"
    return (
        f"{set_name(found)}: {'; '.join(parts)}, whole, gray, measured block by block by "
        f"{' or '.join(measured)}; blocks at the right and lower edge are padded with zeros, which "
        f"{told}. Mean PSNR and SSIM over photos, images clipped to [0,1]. A "
        "prior is one file for all columns."
    )


def _family(row: PhotoRow) -> str:
    name = sensed_name(row)
    return name[: name.rindex(f", {row.percent}")]


def _gaps(found: OfSet, columns: Sequence[Sensed]) -> Sequence[str]:
    """Say how far each width is below 32 bits."""
    wide = next((of for label, of in found.rows.items() if _bits(found, label) == FLOAT_BITS), None)
    if wide is None:
        return []
    notes = []
    for label, of in found.rows.items():
        bits = _bits(found, label)
        keys = [key for key in columns if key in of and key in wide]
        if bits is None or of is wide or not keys:
            continue
        gaps = ", ".join(f"{wide[key].psnr.mean - of[key].psnr.mean:.2f}" for key in keys)
        notes.append(f"{label} below 32-bit: {gaps.replace('-0.00', '0.00')} dB.")
    return notes


def _bits(found: OfSet, label: str) -> int | None:
    prior = found.priors.get(label)
    return None if prior is None else prior.bits


def _plain_notes(found: OfSet) -> Sequence[str]:
    return [note for method, note in _PLAIN.items() if method in found.rows]
