"""Every attack is refused with its own error, at once, and with little memory."""

import pytest

# Importing a module of attacks registers them.
from attacks import (  # noqa: F401
    envelope,
    json_text,
    manifest_fields,
    programs,
    searches,
    sizes,
    tensor_blocks,
)
from attacks.registry import ATTACKS, Attack
from bitprior_runtime.bundle import BundleError, decode_bundle
from builders.bounded import decode_bounded
from builders.forgery import forged, put_together, take_apart


def test_the_unchanged_bundle_behind_the_attacks_is_read() -> None:
    assert decode_bundle(forged(lambda parts: None)).manifest.name == "tiny"


def test_the_unchanged_photo_prior_behind_the_attacks_is_read() -> None:
    assert decode_bundle(put_together(take_apart(searches.good()))).search is not None


def test_there_are_at_least_twenty_five_attacks_of_different_names() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 25


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused_with_its_own_error(attack: Attack) -> None:
    with pytest.raises(BundleError) as caught:
        decode_bounded(attack.build())
    assert type(caught.value) is attack.error
    assert caught.value.exit_code == 3
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000
