"""From the rounds of a comparison to its rows, and to a table in Markdown."""

import os
import platform
from statistics import median

BASE = "torch eager"
HEADINGS = (
    *("network", "batch", "threads", "implementation", "µs", "times torch"),
    *("GMAC/s", "GB/s", "of the peak", "MB"),
)
# A round in which threads waited longer for a core, as a share of the time, does not count.
DISTURBED = 0.05
NOTE = """\
One thread: processor time, so other work on the machine does not count; several threads: wall
clock, of calls that did not have to wait for a core. A ratio below 1 is slower than torch eager.
GB/s: weights, read once forward and once backward. Of the peak: the time the gradient would take if
this machine did nothing but its multiply-adds, or nothing but reading its weights, whichever is
longer, at the rates below, over the time it took. A time with ~ was disturbed by other work in
every round: it is an upper limit, and has no ratio.
"""
WHY = {"bytes": "byte products", "float": "float32 products", "read": "reading weights"}


def machine():
    """Describe this machine without naming it."""
    model = "unknown processor"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
        model = names[0] if names else model
    return f"{platform.machine()}, {model}, {os.cpu_count()} cores"


def result_of(rounds, peaks, found, skipped):
    """Return everything that was found, ready for JSON.

    Args:
        rounds: How many there were.
        peaks: This machine's peaks by number of threads.
        found: The rounds of each (place, name).
        skipped: Why others could not run.
    """
    base = {
        place: microseconds_of(several) for (place, name), several in found.items() if name == BASE
    }
    rows = [
        summarise(place, name, several, base.get(place), peaks[place[2]])
        for (place, name), several in found.items()
    ]
    return {
        "machine": machine(),
        "rounds": rounds,
        "peaks": [one.as_json() for one in peaks.values()],
        "rows": rows,
        "skipped": [
            {**_named(place), "name": name, "reason": reason}
            for (place, name), reason in skipped.items()
        ],
    }


def _named(place):
    return dict(zip(("network", "batch", "threads"), place, strict=True))


def microseconds_of(several):
    """Return (median of the undisturbed rounds, True), or (that of the calmest, False)."""
    calm = [row["gradient_us"] for row in several if row["waited"] <= DISTURBED]
    if calm:
        return median(calm), True
    return min(several, key=lambda row: row["waited"])["gradient_us"], False


def summarise(place, name, several, base, peaks):
    """Turn the rounds of one case into a row.

    Args:
        place: Network, batch, threads.
        name: What the table calls it.
        several: Its rounds.
        base: What :func:`microseconds_of` says of torch eager here; None if it was not measured.
        peaks: Of this machine with so many threads.
    """
    microseconds, calm = microseconds_of(several)
    comparable = calm and base is not None and base[1]
    work, batch = several[0]["work"], place[1]
    best = peaks.best_us(work, batch)
    return {
        **_named(place),
        "name": name,
        "gradient_us": microseconds,
        "rounds_us": [row["gradient_us"] for row in several],
        "rounds_waited": [row["waited"] for row in several],
        "undisturbed": calm,
        "times_torch": base[0] / microseconds if comparable else None,
        "gmac_per_s": work["macs"] * batch / microseconds / 1e3,
        "gb_per_s": work["weight_bytes"] / microseconds / 1e3,
        "peak_us": best and best[0],
        "of_peak": best and best[0] / microseconds,
        "peak_of": best and WHY[best[1]],
        "peak_rss_mb": max(row["peak_rss_mb"] for row in several),
        "work": work,
    }


def table(result):
    """Return a result in Markdown."""
    lines = [
        f"Medians over {result['rounds']} rounds in turns; {result['machine']}.",
        NOTE,
        *(f"- {_peaks(one)}" for one in result["peaks"]),
        "",
        f"| {' | '.join(HEADINGS)} |",
        f"|{'---|' * len(HEADINGS)}",
    ]
    lines += [_line(row) for row in result["rows"]]
    if result["skipped"]:
        lines += ["", "Not measured:", ""]
        lines += [
            f"- {row['name']} ({row['network']}, batch {row['batch']}, threads {row['threads']}): "
            f"{row['reason']}"
            for row in result["skipped"]
        ]
    return "\n".join(lines) + "\n"


def _peaks(one):
    count = one["byte_gmac_per_s"]
    products = "not known" if count is None else f"{count:,.0f} GMAC/s"
    sizes = ", ".join(
        f"{speed:,.0f} GB/s of {size // 2**10:,} KiB"
        for size, speed in one["read_gb_per_s"]
        if size in (2**18, 2**20, 2**22, 2**26)
    )
    name = "1 thread" if one["threads"] == 1 else f"{one['threads']} threads"
    return (
        f"{name}: float32 products {one['float_gmac_per_s']:,.0f} GMAC/s, byte products "
        f"{products}; reading {sizes}"
    )


def _line(row):
    ratio = "" if row["times_torch"] is None else f"{row['times_torch']:.1f}"
    share = "" if row["of_peak"] is None else f"{100 * row['of_peak']:.0f} % of {row['peak_of']}"
    cells = (
        *(row["network"], row["batch"], row["threads"], row["name"]),
        *(f"{'' if row['undisturbed'] else '~'}{row['gradient_us']:,.0f}", ratio),
        *(f"{row['gmac_per_s']:.1f}", f"{row['gb_per_s']:.1f}", share),
        f"{row['peak_rss_mb']:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"
