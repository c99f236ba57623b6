"""The bundle's own loop runs inside every engine but the definitions on numpy."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from bitprior_export.artefacts.write import write_artefacts
from bitprior_runtime.bundle.limits import TRACE_STEPS
from bitprior_runtime.engines import FloatEngine, ProximalEngine
from bitprior_runtime.engines.base import Loop
from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.engines.native_integer_engine import NativeIntegerEngine
from bitprior_runtime.engines.onnx_engine import OnnxEngine
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.profiles import load_profile
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.solvers import initial_latents, proximal
from builders.bundles import tiny_bundle, with_fista
from builders.conformance import calibrated

PLAIN = tiny_bundle()


def on_sphere(bundle):
    """Return a bundle that projects its latents; its trace is numpy's."""
    solver = replace(bundle.manifest.solver, projection="unit-sphere")
    engine, golden = FloatEngine(bundle.generator, bundle.sensing), bundle.golden
    options = loop_options(solver, TRACE_STEPS)
    trace = proximal(engine, golden.measurements, golden.latents, options).history
    return replace(
        bundle,
        manifest=replace(bundle.manifest, solver=solver),
        golden=replace(golden, trace=trace),
    )


BUNDLES = {"proximal": PLAIN, "fista": with_fista(PLAIN), "unit-sphere": on_sphere(PLAIN)}


@pytest.fixture(scope="module")
def onnx_engine(tmp_path_factory):
    def make(bundle):
        folder = tmp_path_factory.mktemp("onnx") / "m-onnx"
        files = write_artefacts(bundle, folder, load_profile("pc"))
        hashes = {file.name: file.sha256 for file in files}
        named = replace(bundle, manifest=replace(bundle.manifest, companions=hashes))
        return OnnxEngine(named, folder)

    return make


def outside(engine, y, z0, options):
    """Run the solver's own loop on an engine's arithmetic."""

    class Arithmetic:
        name, kernel = engine.name, engine.kernel
        loss, value_and_grad = engine.loss, engine.value_and_grad

    return proximal(Arithmetic(), y, z0, options)


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("tolerance", [0.0, 0.05])
def test_a_bundles_loop_runs_inside_the_engine_and_ends_where_the_solver_does(
    name, tolerance, onnx_engine
):
    bundle = calibrated(BUNDLES[name])
    programs = bundle.generator, bundle.sensing
    options = replace(loop_options(bundle.manifest.solver, 30), tolerance=tolerance)
    y = FloatEngine(*programs).sense(bundle.golden.images)
    (z0,) = initial_latents(len(y), 4, 1)
    for engine in (
        NativeFloatEngine(*programs),
        NativeIntegerEngine(*programs, bundle.manifest.calibration),
        onnx_engine(bundle),
    ):
        assert isinstance(engine, ProximalEngine)
        assert options.loops_in(engine)
        inside, expected = proximal(engine, y, z0, options), outside(engine, y, z0, options)
        np.testing.assert_allclose(inside.latent, expected.latent, atol=1e-5)
        np.testing.assert_allclose(inside.history, expected.history, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(inside.steps, expected.steps)
        np.testing.assert_array_equal(inside.evaluations, expected.evaluations)


def test_recover_onnx_is_used_for_its_own_loop_only(onnx_engine):
    engine = onnx_engine(BUNDLES["fista"])
    own = Loop(30, 0.1, 2, momentum=True)
    assert engine.loops(own)
    for other in (replace(own, sparsity=None), replace(own, momentum=False)):
        assert not engine.loops(other)


def test_a_recover_onnx_of_format_1_1_counts_no_steps_and_is_left_out(onnx_engine, tmp_path):
    engine = onnx_engine(PLAIN)
    loop = loop_options(PLAIN.manifest.solver, 5).loop
    assert engine.loops(loop)
    engine._recover = older(engine._recover, PLAIN)
    assert not engine.loops(loop)


def older(graph, bundle):
    """Return the graph of recover.onnx without the output that format 1.2 brought."""
    from bitprior_export.artefacts.build import build_artefacts

    model = build_artefacts(bundle, load_profile("pc"))["recover"]
    kept = [value for value in model.graph.output if value.name != "steps"]
    assert len(kept) == len(graph.outputs) - 1
    del model.graph.output[:]
    model.graph.output.extend(kept)
    onnx.checker.check_model(model)
    return OnnxGraph(model.SerializeToString())
