"""ONNX files in the runtime: sessions, batches, companions, and their check without onnx."""

import hashlib
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from bitprior_export.artefacts.build import build_artefacts
from bitprior_export.graphs import Form, StepRule, build_gradient, build_recover
from bitprior_runtime.companions import read_companions
from bitprior_runtime.errors import (
    CheckFailedError,
    MissingExtraError,
    MissingFileError,
    UsageError,
)
from bitprior_runtime.onnx_check import replay_onnx
from bitprior_runtime.onnx_graph import OnnxGraph, scalars
from bitprior_runtime.onnx_session import open_session
from bitprior_runtime.profiles import load_profile
from builders.bundles import tiny_bundle

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.fixture
def bundle():
    return tiny_bundle()


def graphs(bundle, target="pc"):
    models = build_artefacts(bundle, load_profile(target))
    return {kind: OnnxGraph(model.SerializeToString()) for kind, model in models.items()}


def test_a_session_has_the_threads_and_settings_that_low_bit_weights_need(tmp_path, bundle):
    model = build_gradient(bundle.generator, bundle.sensing, {})
    path = tmp_path / "gradient.onnx"
    path.write_bytes(model.SerializeToString())
    session = open_session(path, threads=2)
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.disable_quant_qdq") == "1"
    assert options.get_session_config_entry("session.qdq_matmulnbits_accuracy_level") == "0"
    assert session.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize("model", [b"", b"no model"])
def test_what_is_no_graph_is_refused(tmp_path, model):
    with pytest.raises(UsageError, match="can load in the graph"):
        open_session(model)
    (tmp_path / "bad.onnx").write_bytes(model)
    with pytest.raises(UsageError, match=r"can load in .*bad\.onnx"):
        open_session(tmp_path / "bad.onnx")


def test_without_onnxruntime_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"bitprior\[ort\]"):
        open_session(b"")


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_graph_of_a_fixed_batch_takes_its_rows_in_turns(bundle, batch):
    z, y = normal(4, 4), normal(4, 3)
    build = [bundle.generator, bundle.sensing, {}]
    free, fixed = (
        OnnxGraph(build_gradient(*build, form).SerializeToString()).run({"z": z, "y": y})
        for form in (Form(), Form(batch=batch))
    )
    assert list(free) == ["loss", "gradient", "image"]
    for name, value in free.items():
        np.testing.assert_allclose(fixed[name], value, rtol=1e-5, atol=1e-6)


def test_histories_of_rows_in_turns_are_joined_though_some_are_shorter(bundle):
    inputs = {"y": normal(4, 3), "z0": normal(4, 4), **scalars(0.2, 40, 0.02)}
    programs = bundle.generator, bundle.sensing
    free, fixed = (
        OnnxGraph(build_recover(*programs, StepRule(3), {}, form).SerializeToString()).run(inputs)
        for form in (Form(), Form(batch=1))
    )
    assert fixed["history"].shape == free["history"].shape
    np.testing.assert_allclose(fixed["history"], free["history"], rtol=1e-4)


@pytest.mark.parametrize("target", ["pc", "jetson-orin-nano"])
def test_right_graphs_replay_the_golden_cases(bundle, target):
    checks = replay_onnx(bundle, graphs(bundle, target))
    assert [check.name.partition(":")[0] for check in checks] == [
        "generate", "sense", "gradient", "gradient", "gradient",
        "recover, 10 steps", "recover, 10 steps", "recover, 20 steps",
    ]  # fmt: skip
    assert all(check.passed for check in checks)
    half = [check.tolerance for check in checks if "(float16)" in check.name]
    assert half == ([] if target == "pc" else [2e-2, 2e-2])


def test_graphs_of_another_model_do_not(bundle):
    failed = [c.name for c in replay_onnx(bundle, graphs(tiny_bundle(seed=1))) if not c.passed]
    assert {name.partition(":")[0] for name in failed} == {
        "generate", "sense", "gradient", "recover, 10 steps", "recover, 20 steps",
    }  # fmt: skip


def test_a_row_that_hinges_on_rounding_is_not_compared(bundle, monkeypatch):
    class Nudged(OnnxGraph):
        """As if another machine had rounded row 0 the other way."""

        def run(self, inputs):
            found = super().run(inputs)
            found["image"][0] += 0.1
            found["history"][:, 0] += 0.1
            return found

    model = build_artefacts(bundle, load_profile("pc"))["recover"].SerializeToString()
    assert not replay_onnx(bundle, {"recover": Nudged(model)})[1].passed
    monkeypatch.setattr(
        "bitprior_runtime.onnx_check.steady_rows", lambda *_: np.zeros(1, dtype=bool)
    )
    checks = replay_onnx(bundle, {"recover": Nudged(model)})
    assert all(check.passed for check in checks)
    only_row = replace(
        bundle.golden,
        **{n: getattr(bundle.golden, n)[:1] for n in ("latents", "measurements", "images")},
        trace=bundle.golden.trace[:, :1],
    )
    lonely = replay_onnx(replace(bundle, golden=only_row), {"recover": Nudged(model)})
    assert [check.name for check in lonely] == ["recover, 10 steps: rows that differ"]
    assert not lonely[0].passed


def companions(bundle, folder):
    folder.mkdir()
    hashes = {}
    for kind, model in build_artefacts(bundle, load_profile("pc")).items():
        data = model.SerializeToString()
        (folder / f"{kind}.onnx").write_bytes(data)
        hashes[f"{kind}.onnx"] = hashlib.sha256(data).hexdigest()
    return replace(bundle, manifest=replace(bundle.manifest, companions=hashes))


def test_companions_are_read_by_kind(tmp_path, bundle):
    sealed = companions(bundle, tmp_path / "m")
    found = read_companions(sealed, tmp_path / "m")
    assert list(found) == ["generate", "sense", "gradient", "recover"]
    assert onnxruntime.InferenceSession(found["recover"]).get_inputs()[0].name == "y"


def test_a_companion_of_another_export_is_refused(tmp_path, bundle):
    sealed = companions(bundle, tmp_path / "m")
    companions(tiny_bundle(seed=1), tmp_path / "other")
    with pytest.raises(CheckFailedError, match=r"generate\.onnx with SHA-256"):
        read_companions(sealed, tmp_path / "other")
    (tmp_path / "m" / "sense.onnx").unlink()
    with pytest.raises(MissingFileError, match=r"sense\.onnx"):
        read_companions(sealed, tmp_path / "m")
    with pytest.raises(UsageError, match="exported together with ONNX files"):
        read_companions(bundle, tmp_path / "m")
