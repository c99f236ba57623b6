"""Engines by name: what is known, what a choice of kernels leaves, what is missing."""

import pytest

from bitprior_runtime.engines.registry import (
    KINDS,
    EngineContext,
    candidates,
    engine_names,
    make_engine,
    onnx_folder,
)
from bitprior_runtime.errors import BitpriorError, MissingFileError, UsageError
from bitprior_runtime.kernels import problem
from builders.bundles import tiny_bundle


@pytest.fixture
def context(tmp_path):
    return EngineContext(tiny_bundle(), tmp_path / "m.bitprior")


def test_four_arithmetics_are_known():
    assert engine_names() == ("float", "integer", "onnx", "onnx-training")


def test_auto_kernels_are_the_native_ones_where_they_were_built(context):
    wanted = "numpy" if problem() else "native"
    assert make_engine(context, "float").kernel == wanted
    assert make_engine(context, "float", "numpy").kernel == "numpy"


def test_without_native_kernels_auto_takes_numpy(context, monkeypatch, tmp_path):
    from bitprior_runtime.kernels import library

    monkeypatch.setenv("BITPRIOR_NATIVE_LIBRARY", str(tmp_path / "none.so"))
    library.library.cache_clear()
    try:
        assert make_engine(context, "float").kernel == "numpy"
        with pytest.raises(BitpriorError, match="native kernels"):
            make_engine(context, "float", "native")
    finally:
        library.library.cache_clear()


@pytest.mark.parametrize(
    ("engine", "kernel", "message"),
    [
        ("gpu", "auto", "an engine among: auto, float"),
        ("float", "fast", "a kernel among: auto, native"),
        ("onnx", "numpy", "kernels of the engine 'onnx': onnxruntime"),
    ],
)
def test_unknown_names_are_refused_with_those_there_are(engine, kernel, message):
    with pytest.raises(UsageError) as caught:
        candidates(engine, kernel)
    assert message in str(caught.value)


def test_auto_leaves_every_kind():
    assert candidates("auto", "auto") == list(KINDS)


def test_a_bundle_without_ranges_has_no_integer_engine(context):
    with pytest.raises(UsageError, match="calibrated ranges"):
        make_engine(context, "integer")


def test_the_onnx_engine_needs_the_files_of_the_same_export(context):
    with pytest.raises(UsageError, match="--targets onnx"):
        make_engine(context, "onnx")
    with pytest.raises(MissingFileError, match="read from no file"):
        make_engine(EngineContext(tiny_bundle()), "onnx")


def test_files_of_a_target_lie_beside_the_bundle(context):
    assert onnx_folder(context, "onnx").name == "m-onnx"
    assert onnx_folder(EngineContext(tiny_bundle()), "onnx") is None
