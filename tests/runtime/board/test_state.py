"""The state of a board, read from a file system like a Raspberry Pi's, a Jetson's or a PC's."""

import pytest

from bitprior_runtime.board.state import (
    BoardState,
    describe,
    read_state,
    read_text,
    throttle_names,
    why_invalid,
)
from builders.fake_board import put

UNKNOWN = BoardState(None, None, None, None, None)


PI = {
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000\n",
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/class/thermal/thermal_zone1/temp": "51000\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
}


def test_a_raspberry_pi_says_all_of_it(tmp_path):
    state = read_state(put(tmp_path, PI))
    assert state == BoardState("ondemand", 1800.0, 51.0, 0x50005, None)
    assert throttle_names(0x50005) == [
        "under-voltage", "throttled", "under-voltage since boot", "throttled since boot",
    ]  # fmt: skip


def test_where_the_kernel_does_not_say_vcgencmd_is_asked(tmp_path):
    command = tmp_path / "usr/bin/vcgencmd"
    put(tmp_path, {"usr/bin/vcgencmd": '#!/bin/sh\n[ "$1" = get_throttled ]\necho throttled=0x4\n'})
    command.chmod(0o755)
    assert read_state(tmp_path).throttled == 4
    command.write_text("#!/bin/sh\necho VCHI initialization failed\n")
    assert read_state(tmp_path).throttled is None


def test_a_pc_counts_how_often_its_cores_slowed_themselves(tmp_path):
    counter = "sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count"
    put(tmp_path, {counter.format(0): "3\n", counter.format(1): "4\n"})
    assert read_state(tmp_path).slowed == 7


def test_what_is_not_there_or_not_a_number_is_unknown(tmp_path):
    assert read_state(tmp_path) == UNKNOWN
    put(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "hot\n"})
    assert read_state(tmp_path) == UNKNOWN
    assert read_text(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (0, 0, ""),
        (0x50000, 0x50000, ""),  # long ago: it does not count against this run
        (0, 0x4, "throttled"),
        (0x1, 0, "under-voltage"),
        (0, 0x20000, "clock capped"),  # set and gone again in between
        (0x40000, 0xC0000, "soft temperature limit"),
    ],
)
def test_a_run_counts_only_if_no_throttle_bit_was_set_in_it(before, after, reason):
    states = [BoardState(None, None, None, bits, None) for bits in (before, after)]
    assert why_invalid(*states) == reason


def test_a_run_in_which_cores_slowed_themselves_does_not_count():
    slow = [BoardState(None, None, None, None, count) for count in (7, 8)]
    assert why_invalid(*slow) == "cores slowed themselves"
    assert why_invalid(slow[1], slow[1]) == ""
    assert why_invalid(UNKNOWN, UNKNOWN) == ""


def test_both_states_fit_in_a_line(tmp_path):
    state = read_state(put(tmp_path, PI))
    assert describe(state, state) == (
        "governor ondemand, 1800 to 1800 MHz, 51.0 to 51.0 degrees C, "
        "throttle bits 0x50005 to 0x50005"
    )
    assert "unknown" in describe(UNKNOWN, UNKNOWN)
