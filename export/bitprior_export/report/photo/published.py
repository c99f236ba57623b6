"""Figures of others on the same photos with the same matrices, and where each comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One method's figures.

    Attributes:
        label: What a table calls it.
        psnr: Mean PSNR in dB by data set and per cent of measurements, of all of its photos here,
            see :data:`PHOTOS`.
        source: Where they come from.
        bytes: What it stores for one ratio; None: not counted.
        ms: One photo of 256 x 256 by per cent of measurements, one thread; empty: not measured.
    """

    label: str
    psnr: Mapping[str, Mapping[str, float]]
    source: str
    bytes: int | None = None
    ms: Mapping[str, float] | None = None


# How many photos the figures are means of.
PHOTOS: Mapping[str, int] = {"set11": 11, "bsd68": 34}
PEERS: Sequence[Peer] = (
    Peer(
        label="ISTA-Net+, run by us",
        psnr={
            "set11": {"1 %": 17.45, "4 %": 21.56, "10 %": 26.49, "25 %": 32.44},
            "bsd68": {"4 %": 21.85, "10 %": 24.63, "25 %": 28.46},
        },
        source="ISTA-Net+ (Zhang and Ghanem, CVPR 2018) with its published weights, another set of "
        "336,978 float weights (1.35 MB) for each ratio: run by us once on these photos with these "
        "matrices, 2026-11-29, torch on one thread of an x86-64",
        bytes=1_347_912,
        ms={"1 %": 500, "4 %": 475, "10 %": 570, "25 %": 520},
    ),
    Peer(
        label="ISTA-Net+, published",
        psnr={"set11": {"1 %": 17.34, "4 %": 21.31, "10 %": 26.64, "25 %": 32.57}},
        source="the same method's figures for Set11 as a later paper's authors list them (README "
        "of AMPA-Net)",
    ),
    Peer(
        label="linear MMSE, beside the peer",
        psnr={
            "set11": {"1 %": 17.28, "4 %": 20.06, "10 %": 23.20, "25 %": 26.92},
            "bsd68": {"4 %": 21.05, "10 %": 23.13, "25 %": 25.95},
        },
        source="the start that ISTA-Net+ itself takes, fitted on its own training photos, in the "
        "same run as it",
    ),
)
# BSD68 there and here: not all of its photos, but these.
BSD68_NOTE = "BSD68: the 34 photos of it that are in photos.npz, for ISTA-Net+ run by us, too."
