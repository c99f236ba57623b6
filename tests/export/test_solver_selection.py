"""The default solver is the one that validation images favour."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bitprior_export import solver_selection
from bitprior_export.solver_selection import (
    FEW_STEPS,
    FEW_WITHIN,
    IMAGES,
    NOISE,
    SIZES,
    STEPS,
    WITHIN,
    select_solver,
)
from bitprior_runtime.bundle import FistaDefaults, SolverDefaults
from bitprior_runtime.engines import FloatEngine, native_float_engine
from bitprior_runtime.kernels import NativeError
from bitprior_runtime.program import Node, Program
from bitprior_runtime.proximal_defaults import loop_options
from bitprior_runtime.solvers import initial_latents, proximal
from bitprior_runtime.solvers.momentum import SHARE
from bitprior_runtime.tensors import FloatTensor
from builders.bundles import GEOMETRY, tiny_bundle

BUNDLE = tiny_bundle()
IMAGE_SET = np.random.default_rng(3).random((20, *GEOMETRY), dtype=np.float32)
LEARNED = SolverDefaults(step_size=0.5, sparsity=3)


def selected(defaults=LEARNED, images=IMAGE_SET):
    return select_solver(BUNDLE.generator, BUNDLE.sensing, images, defaults)


def winner_of(selection):
    """Work out the winner again from the figures: (steps, index)."""
    means = {
        (steps, index): np.mean(entry["psnr"][str(steps)])
        for index, entry in enumerate(selection["measured"])
        for steps in STEPS
    }
    enough = [key for key, mean in means.items() if mean >= max(means.values()) - WITHIN]
    fewest = min(steps for steps, _ in enough)
    return fewest, max((m, key[1]) for key, m in means.items() if key[0] == fewest)[1]


@pytest.mark.parametrize("step_size", [0.005, 0.5])
def test_the_winner_needs_the_fewest_steps_to_come_near_the_best(step_size):
    chosen = selected(replace(LEARNED, step_size=step_size))
    steps, index = winner_of(chosen.selection)
    entry = chosen.selection["measured"][index]
    loop = loop_options(chosen, steps)
    assert (chosen.name, chosen.steps) == (entry["solver"], steps)
    assert (loop.step_size, loop.sparsity) == (entry["step_size"], entry["sparsity"])


def test_what_was_learned_stays_and_so_q_gen_can_be_run():
    chosen = selected()
    assert (chosen.step_size, chosen.sparsity) == (LEARNED.step_size, LEARNED.sparsity)
    assert chosen.fista is not None
    assert chosen.fista.step_size == SHARE * LEARNED.step_size


def test_proximal_and_fista_dense_and_sparse_compete_at_every_level_of_noise():
    measured = selected().selection["measured"]
    short = SHARE * LEARNED.step_size
    assert [(e["solver"], e["step_size"], e["sparsity"]) for e in measured] == [
        ("proximal", 0.5, 3), ("fista", short, None), ("fista", short, 3),
    ]  # fmt: skip
    assert all(list(e["psnr"]) == [str(steps) for steps in STEPS] for e in measured)
    assert all(len(levels) == len(NOISE) for e in measured for levels in e["psnr"].values())
    assert len(selected(replace(LEARNED, sparsity=None)).selection["measured"]) == 2
    assert len(selected(replace(LEARNED, sparsity=4)).selection["measured"]) == 2  # all of k


def test_a_figure_is_the_mean_psnr_of_the_first_images():
    chosen = selected()
    assert chosen.selection["images"] == IMAGES
    engine, images = FloatEngine(BUNDLE.generator, BUNDLE.sensing), IMAGE_SET[:IMAGES]
    (z0,) = initial_latents(IMAGES, 4, 0)
    options = loop_options(replace(LEARNED, name="fista", fista=FistaDefaults(0.15)), STEPS[1])
    found = engine.generate(proximal(engine, engine.sense(images), z0, options).latent)
    errors = np.square(found.astype(np.float64) - images).reshape(IMAGES, -1).mean(axis=1)
    figure = chosen.selection["measured"][1]["psnr"][str(STEPS[1])][0]
    assert figure == pytest.approx(-10 * np.log10(errors).mean(), abs=2e-3)


def test_numpy_measures_the_same_where_there_is_no_native_library(monkeypatch):
    native = selected()

    def absent(*programs, threads):
        raise NativeError("a native library", "none", "build it")

    monkeypatch.setattr(native_float_engine, "NativeFloatEngine", absent)
    ours = selected()
    for entry, other in zip(native.selection["measured"], ours.selection["measured"], strict=True):
        for steps in map(str, STEPS):
            np.testing.assert_allclose(entry["psnr"][steps], other["psnr"][steps], 0, 0.05)


def test_steps_that_overflow_lose_and_their_figures_are_numbers():
    chosen = selected(replace(LEARNED, step_size=1e38))
    text = json.dumps(chosen.selection, allow_nan=False)
    assert json.loads(text) == chosen.selection
    assert solver_selection._psnr(np.full((36, *GEOMETRY), np.nan), IMAGE_SET[:IMAGES]) == [0.0] * 3


def test_on_the_unit_sphere_there_is_nothing_to_choose():
    projected = replace(LEARNED, projection="unit-sphere")
    assert selected(projected) is projected


def square_sensing():
    """As many measurements as latent values."""
    rows = np.random.default_rng(4).standard_normal((4, 6)).astype(np.float32)
    nodes = (Node("Flatten", ("x",), "flat", {"axis": 1}), Node("MatMul", ("flat", "A"), "y"))
    return Program("sensing", {"x": GEOMETRY}, "y", nodes, {"A": FloatTensor(rows.T.copy())})


def test_from_the_measurement_a_few_steps_of_several_sizes_compete():
    near = replace(LEARNED, sparsity=None, initial_latent="measurement")
    chosen = select_solver(BUNDLE.generator, square_sensing(), IMAGE_SET, near)
    selection = chosen.selection
    assert chosen.steps in FEW_STEPS
    assert [(e["solver"], e["step_size"]) for e in selection["measured"]] == [
        (name, share * 0.5) for share in SIZES for name in ("proximal", "fista")
    ]
    means = {
        (entry["solver"], entry["step_size"], steps): np.mean(entry["psnr"][str(steps)])
        for entry in selection["measured"]
        for steps in FEW_STEPS
    }
    loop = loop_options(chosen, chosen.steps)
    won = means[chosen.name, loop.step_size, chosen.steps]
    assert won >= max(means.values()) - FEW_WITHIN
    fewer = [mean for (*_, steps), mean in means.items() if steps < chosen.steps]
    assert all(mean < max(means.values()) - FEW_WITHIN for mean in fewer)
