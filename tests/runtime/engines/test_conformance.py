"""Every engine, on every kernel, through the same tests.

An engine that cannot run an op has to say so by name. The training engine needs an environment of
its own: ``tests/export/graphs/training/test_engine.py``.
"""

from dataclasses import replace

import numpy as np
import pytest

from bitprior_export.artefacts.write import write_artefacts
from bitprior_export.bundle.writer import write_bundle
from bitprior_runtime.engines.registry import KINDS, EngineContext
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.ops import OPS
from bitprior_runtime.profiles import load_profile
from builders.cases import name_of
from builders.conformance import assert_conforms, calibrated, system
from builders.op_cases import CASES
from builders.wrapped import op_bundle

# Ops that have no integer form: another engine takes those programs.
NOT_INTEGER = {"Exp", "HardSwish", "InstanceNormalization", "Log", "MaxPool", "Pow", "Sqrt"}
HERE = [kind for kind in KINDS if kind.engine != "onnx-training"]
KIND_IDS = [f"{kind.engine}/{kind.kernel}" for kind in HERE]


@pytest.fixture(scope="module")
def engine_of(tmp_path_factory):
    """Make an engine for a bundle; the onnx engine finds its files beside it."""

    def make(kind, bundle):
        path = None
        if kind.engine == "onnx":
            folder = tmp_path_factory.mktemp("onnx")
            files = write_artefacts(bundle, folder / "system-onnx", load_profile("pc"))
            hashes = {file.name: file.sha256 for file in files}
            bundle = replace(bundle, manifest=replace(bundle.manifest, companions=hashes))
            path = folder / "system.bitprior"
            write_bundle(path, bundle)
        return kind.make(EngineContext(bundle, path))

    return make


def lacks(kind, case):
    """Say whether an engine has to refuse a case."""
    inputs = case.reads or ("in", *case.constants)
    products = case.op in ("Mul", "Div") and not set(inputs) & set(case.constants)
    inverse = case.op == "Div" and inputs[-1] not in case.constants
    linear = case.op == "Resize" and case.attributes.get("mode") == "linear"
    padded = case.op == "Pad" and case.attributes.get("value", 0.0) != 0.0
    integer = case.op in NOT_INTEGER or products or inverse or linear or padded
    return integer and kind.engine == "integer"


@pytest.mark.parametrize("case", CASES, ids=name_of)
@pytest.mark.parametrize("kind", HERE, ids=KIND_IDS)
def test_an_engine_runs_every_op_or_names_the_one_it_cannot(kind, case, engine_of):
    bundle = calibrated(op_bundle(case))
    if lacks(kind, case):
        with pytest.raises(BitpriorError, match=case.op):
            engine_of(kind, bundle)
        return
    assert_conforms(engine_of(kind, bundle), bundle, batch=3)


def test_the_cases_hold_every_op():
    assert {case.op for case in CASES} == set(OPS)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
@pytest.mark.parametrize("name", ["mlp", "dcgan", "cut dcgan", "cut began", "photo"])
@pytest.mark.parametrize("kind", HERE, ids=KIND_IDS)
def test_an_engine_runs_whole_systems_at_every_width_and_batch(kind, name, bits, engine_of):
    bundle = system(name, bits)
    if (kind.engine, name) == ("onnx", "photo"):
        # What measures nothing has no gradient.onnx; its files are tried in tests/export/photo.
        with pytest.raises(BitpriorError, match="sense, gradient among the ONNX files"):
            engine_of(kind, bundle)
        return
    engine = engine_of(kind, bundle)
    for batch in (1, 3, 16) if name == "mlp" else (1, 3):
        assert_conforms(engine, bundle, batch)


@pytest.mark.parametrize("name", ["mlp", "cut began", "photo"])
def test_the_integer_engines_agree_bit_for_bit(name, engine_of):
    bundle = system(name, 4)
    z, y = bundle.golden.latents, bundle.golden.measurements
    engines = [engine_of(kind, bundle) for kind in KINDS if kind.engine == "integer"]
    reference, *others = (
        [*engine.value_and_grad(z, y), engine.generate(z), engine.vjp(z, y), engine.vjp(z[:1], y)]
        for engine in engines
    )
    for other in others:
        for found, expected in zip(other, reference, strict=True):
            np.testing.assert_array_equal(found, expected)
