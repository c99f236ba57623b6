"""Raw reconstruction, A = I without noise: what a prior can show, and what is found of it."""

from collections.abc import Iterator, Mapping, Sequence

from bitprior_export.report.results import FLOAT_BITS
from bitprior_export.report.surgery.claims import ALWAYS, Case, Claim
from bitprior_export.report.surgery.comparison import GS, NO_GS, OWN_SAMPLES, RAW, Comparison
from bitprior_export.report.surgery.pairing import paired, unpaired
from bitprior_export.report.surgery.selection import Found, found_in, method_label

# Which images: data set and part, so that training and test images are told apart.
Images = tuple[str, str]


def raw_found(
    comparisons: Sequence[Comparison],
) -> Mapping[str, Mapping[str, Mapping[Images, Found]]]:
    """Return raw reconstructions of 32-bit priors by network, method and images."""
    tree: dict[str, dict[str, dict[Images, Found]]] = {}
    for found in found_in(comparisons, RAW):
        comparison, trial = found
        if trial.network is not None and trial.bits == FLOAT_BITS:
            own = comparison.dataset == OWN_SAMPLES
            images = (comparison.dataset, "" if own else comparison.part.split(",")[0])
            by_images = tree.setdefault(trial.network, {}).setdefault(trial.method, {})
            by_images.setdefault(images, found)
    return tree


def images_label(images: Images) -> str:
    """Return ``"celeba64, test"``, or just ``"own samples"``."""
    return images[0] if images[0] == OWN_SAMPLES else ", ".join(images)


def representation_claims(comparisons: Sequence[Comparison]) -> Sequence[Claim]:
    """Return (5): optimisation error is small, representation error is what a cut removes."""
    found = raw_found(comparisons)
    return [
        Claim(
            "(5a)",
            "With A = I, no GS is better on its own samples than on real images",
            ALWAYS,
            list(_own_over_real(found)),
            _means(found, NO_GS),
        ),
        Claim(
            "(5b)",
            "With A = I, GS is above no GS on real images",
            ALWAYS,
            list(_cut_over_whole(found)),
            _means(found, GS),
        ),
    ]


def _own_over_real(
    found: Mapping[str, Mapping[str, Mapping[Images, Found]]],
) -> Iterator[Case]:
    for network, methods in found.items():
        by_images = methods.get(NO_GS, {})
        own = [each for images, each in by_images.items() if images[0] == OWN_SAMPLES]
        for images, real in by_images.items():
            if not own or images[0] == OWN_SAMPLES:
                continue
            difference = unpaired(own[0][1].psnr.values, real[1].psnr.values)
            if difference is not None:
                yield Case(images_label(images), network, "", difference)


def _cut_over_whole(
    found: Mapping[str, Mapping[str, Mapping[Images, Found]]],
) -> Iterator[Case]:
    for network, methods in found.items():
        whole = methods.get(NO_GS, {})
        for images, each in methods.get(GS, {}).items():
            if images[0] == OWN_SAMPLES or images not in whole:
                continue
            difference = paired(each, whole[images])
            if difference is not None:
                yield Case(images_label(images), network, "", difference)


def _means(found: Mapping[str, Mapping[str, Mapping[Images, Found]]], method: str) -> str:
    """Return ``"dcgan, 32 filters: 38.1 dB on own samples, ..."``."""
    parts = []
    for network, methods in found.items():
        means = [
            f"{trial.psnr.mean:.1f} dB on {images_label(images)}"
            for images, (_, trial) in methods.get(method, {}).items()
        ]
        if means:
            parts.append(f"{method_label(method, None)}, {network}: {'; '.join(means)}.")
    return " ".join(parts)
