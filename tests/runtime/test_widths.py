"""What a prior says of the bits of its weights."""

import pytest

from bitprior_runtime.bundle.checks import usual_width
from bitprior_runtime.model import Model
from bitprior_runtime.widths import widths_of
from builders.bundles import tiny_bundle
from builders.photo import photo_bundle


@pytest.mark.parametrize("bits", [1, 3, 32])
def test_a_prior_of_one_width_says_that_width_alone(bits: int) -> None:
    found = widths_of(tiny_bundle(bits))
    assert (found.usual, dict(found.others), found.mean) == (bits, {}, bits)
    assert found.text == f"{bits}-bit"


def test_a_prior_is_called_by_the_width_of_most_weights_and_names_the_others() -> None:
    bundle = photo_bundle(bits=1, channels=8, edge_bits=4, linear_bits=8)
    inner, edge, linear = 3 * 8 * 8 * 9, 4 * 8 * 9 + 8 * 2 * 36, 4 * 8 + 8 * 2 * 4
    mean = (inner + 4 * edge + 8 * linear) / (inner + edge + linear)
    found = widths_of(bundle)
    assert (found.usual, dict(found.others)) == (1, {"D": 8, "G2": 4})
    assert found.mean == pytest.approx(mean)
    assert found.text == f"1-bit, D 8-bit, G2 4-bit, mean {mean:.1f}"
    assert Model(bundle, 0).describe().startswith(f"photo: {found.text}; format")


@pytest.mark.parametrize(
    ("counts", "usual"),
    [
        ({1: 300, 8: 614}, 1),  # a large linear layer does not make the network one of 8 bits
        ({1: 10, 4: 900}, 4),
        ({2: 1, 3: 1, 4: 1, 5: 1, 8: 1}, 8),
        ({}, 32),
    ],
)
def test_a_prior_is_called_by_the_narrowest_width_of_a_quarter_of_its_weights(
    counts: dict[int, int], usual: int
) -> None:
    assert usual_width(counts) == usual


def test_the_sensing_network_is_no_part_of_the_prior() -> None:
    bundle = tiny_bundle(2)  # its sensing network has floats
    assert widths_of(bundle).mean == 2


def test_the_bytes_of_a_search_are_told_apart_from_the_generators() -> None:
    bundle = photo_bundle(bits=4, channels=6, steps=2)
    sizes = Model(bundle, 0).info["bytes"]
    tensors = [t for p in (bundle.search.start, bundle.search.penalty) for t in p.tensors.values()]
    schedule = 2 * (6 + 1 + 3 + 3 + 6 + 3 + 18 + 18) + 3
    stored = sum(tensor.stored_bytes for tensor in tensors)
    assert sizes["search"] == stored + 4 * (schedule + 36)
    assert sizes["generator"] == sum(t.stored_bytes for t in bundle.generator.tensors.values())
    assert {row["program"] for row in Model(bundle, 0).info["layers"]} == {
        "generator", "start", "penalty"
    }  # fmt: skip
