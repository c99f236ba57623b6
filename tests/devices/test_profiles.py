"""Device profiles."""

import pytest

from bitprior_devices import load_profile, profile_names
from bitprior_runtime.errors import UsageError


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_loads_and_says_where_its_figures_come_from(name):
    profile = load_profile(name)
    assert profile.name == name
    assert profile.source
    assert all(isinstance(feature, str) for feature in profile.features)


def test_the_pi_4_has_no_dot_product_and_the_pi_5_has():
    assert "asimddp" not in load_profile("raspberry-pi-4").features
    assert "asimddp" in load_profile("raspberry-pi-5").features


@pytest.mark.parametrize("name", ["pi", "", "../pc", "pc.toml", "PC"])
def test_an_unknown_device_is_refused_with_the_names_known(name):
    with pytest.raises(UsageError, match="raspberry-pi-4") as caught:
        load_profile(name)
    assert caught.value.exit_code == 2
