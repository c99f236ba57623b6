"""Every hostile ONNX file is refused with its own error, at once, and with little memory."""

import gc
import time
import tracemalloc
from pathlib import Path

import onnx
import pytest

from attacks.onnx_graphs import ONNX_ATTACKS, OnnxAttack, good_model
from bitprior_export.errors import QonnxError, UnsupportedOpError
from bitprior_export.qonnx.reader import read_program
from bitprior_runtime.errors import BitpriorError

MAX_SECONDS = 1.0
MAX_EXTRA_BYTES = 64 * 2**20


def read(path: Path) -> None:
    read_program(path, "generator", "z", "x")


def test_the_unchanged_file_behind_the_attacks_is_read(tmp_path: Path) -> None:
    onnx.save(good_model(), tmp_path / "good.onnx")
    read(tmp_path / "good.onnx")


def test_the_attacks_have_different_names() -> None:
    assert len({attack.name for attack in ONNX_ATTACKS}) == len(ONNX_ATTACKS) >= 40


@pytest.mark.parametrize("attack", ONNX_ATTACKS, ids=lambda attack: attack.name)
def test_a_hostile_file_is_refused_with_its_own_error(attack: OnnxAttack, tmp_path: Path) -> None:
    path = tmp_path / "hostile.onnx"
    path.write_bytes(attack.build())
    gc.disable()
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises((QonnxError, UnsupportedOpError)) as caught:
            read(path)
    finally:
        seconds, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        gc.enable()
    assert type(caught.value) is attack.error
    assert seconds < MAX_SECONDS
    assert peak <= 2 * path.stat().st_size + MAX_EXTRA_BYTES
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1500


def test_names_that_look_like_paths_name_no_path(tmp_path: Path) -> None:
    model = good_model()
    model.graph.node[0].output[0] = model.graph.node[1].input[0] = "../../etc/passwd"
    model.graph.initializer[0].name = model.graph.node[0].input[1] = "/etc/shadow"
    onnx.save(model, tmp_path / "paths.onnx")
    program = read_program(tmp_path / "paths.onnx", "generator", "z", "x")
    assert [node.output for node in program.nodes] == ["etc/passwd", "x"]
    assert list(program.tensors) == ["etc/shadow"]


def test_terminal_codes_in_names_are_not_printed(tmp_path: Path) -> None:
    model = good_model()
    model.graph.node[1].op_type = "\x1b[2JSoftsign"
    model.graph.node[1].domain = "my\x1b[31m"
    model.graph.node[1].name = "\x1b]0;title\x07"
    model.opset_import.append(onnx.helper.make_opsetid("my\x1b[31m", 1))
    onnx.save(model, tmp_path / "codes.onnx")
    with pytest.raises(BitpriorError) as caught:
        read(tmp_path / "codes.onnx")
    assert str(caught.value).isprintable()
