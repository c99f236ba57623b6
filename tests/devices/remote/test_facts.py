"""What a board says of itself, read from file systems like those of boards."""

import pytest

from bitprior_devices.remote.facts import read_facts
from builders.fake_board import BOARDS, lay_out, put


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_names_itself_its_cores_and_its_memory(name, tmp_path, layout):
    model, cores, part, features, memory = BOARDS[name]
    facts = read_facts(layout, lay_out(tmp_path / "board", name))
    assert facts["model"] == model
    assert facts["cpu"] == {"cores": cores, "name": part, "features": features.split()}
    assert facts["memory_mib"] == {"total": memory, "available": memory // 2}
    assert facts["system"] == "Debian GNU/Linux 12 (bookworm)"
    assert facts["cameras"] == [
        {"device": "/dev/video0", "name": "unicam"},
        {"device": "/dev/video10", "name": "bcm2835-codec-decode"},
    ]
    assert facts["state"]["temperature_c"] == pytest.approx(48.312)
    assert facts["bits"] == 64
    assert facts["disk_free_mib"] > 0
    assert facts["deployed"] == {"current": None, "previous": None}


def test_a_pc_is_named_by_its_firmware_and_its_cpu(tmp_path, layout):
    files = {
        "sys/devices/virtual/dmi/id/product_name": "ThinkPad\n",
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2\n\n",
    }
    facts = read_facts(layout, put(tmp_path, files))
    assert facts["model"] == "ThinkPad"
    assert facts["cpu"] == {"cores": 1, "name": "Some CPU", "features": ["fpu", "avx2"]}


def test_what_is_not_said_is_unknown(tmp_path, layout):
    facts = read_facts(layout, tmp_path)
    assert (facts["model"], facts["system"], facts["cameras"]) == (None, None, [])
    assert facts["memory_mib"] == {"total": None, "available": None}
    assert facts["cpu"] == {"cores": 0, "name": None, "features": []}
