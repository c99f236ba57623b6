"""The manifest survives JSON exactly."""

import json
from dataclasses import replace

import pytest

from bitprior_runtime.bundle import FORMAT, Calibration, FistaDefaults, strict_json
from bitprior_runtime.bundle.blocks import entry_of
from bitprior_runtime.bundle.errors import (
    NewerMajorError,
    NewerMinorError,
    OlderMajorError,
    UnknownKeyError,
    ValueRangeError,
)
from bitprior_runtime.bundle.manifest import ActivationBits, InitialLatent, Manifest, SolverName
from bitprior_runtime.bundle.manifest_json import (
    Programs,
    check_version,
    manifest_from_json,
    manifest_to_json,
)
from bitprior_runtime.program import Attribute, Node
from builders.bundles import tiny_bundle


def through_json(manifest: Manifest, programs: Programs) -> tuple[Manifest, Programs]:
    text = strict_json.dump(manifest_to_json(manifest, programs))
    return manifest_from_json(strict_json.parse(text.encode(), "it"))


def tiny_programs() -> Programs:
    bundle = tiny_bundle()
    return {"generator": entry_of(bundle.generator), "sensing": entry_of(bundle.sensing)}


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8, 32])
def test_a_manifest_survives_json(bits: int) -> None:
    bundle = tiny_bundle(bits=bits, axis=None if bits == 3 else 1)
    manifest = replace(
        bundle.manifest,
        companions={"gradient.onnx": "a" * 64},
        sha256={"generator/w#codes": "b" * 64},
        licence="CC BY-SA 3.0, Yann LeCun & Corinna Cortes\nsecond line: é",
        training={"nested": [1, 1.0, None, True, {"x": "y"}]},
    )
    programs: Programs = {
        "generator": entry_of(bundle.generator),
        "sensing": entry_of(bundle.sensing),
    }
    assert through_json(manifest, programs) == (manifest, programs)


@pytest.mark.parametrize(
    "value", [0, 1, -1, 2**62, 0.0, 1.0, 0.1, 1e-45, "", "same", (), (1,), (1, 2), (1.0, 2.5)]
)
def test_an_attribute_keeps_its_exact_type_and_value(value: Attribute) -> None:
    programs = dict(tiny_programs())
    node = Node("Relu", ("z",), "x", {"a": value})
    programs["generator"] = replace(programs["generator"], nodes=(node,))
    (found,) = through_json(tiny_bundle().manifest, programs)[1]["generator"].nodes
    assert repr(found.attributes["a"]) == repr(value)


def test_the_digest_comes_first_and_the_other_keys_are_sorted() -> None:
    first, *others = manifest_to_json(tiny_bundle().manifest, tiny_programs())
    assert first == "digest"
    assert others == sorted(others)
    text = json.dumps(manifest_to_json(tiny_bundle().manifest, tiny_programs())["programs"])
    assert text == json.dumps(json.loads(text), sort_keys=True)


@pytest.mark.parametrize(
    ("version", "error"),
    [
        ("2.0", NewerMajorError),
        ("10.3", NewerMajorError),
        ("1.5", NewerMinorError),
        ("0.9", OlderMajorError),
        ("1", ValueRangeError),
        ("1.0.0", ValueRangeError),
        ("1.x", ValueRangeError),
        ("-1.0", ValueRangeError),
        ("1.\u0660", ValueRangeError),
        ("", ValueRangeError),
    ],
)
def test_a_version_that_cannot_be_read_is_refused(version: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        check_version({"format": version})
    assert type(caught.value) is error


def test_the_error_of_a_newer_version_names_both_versions_and_the_way_out() -> None:
    with pytest.raises(NewerMajorError, match=r"1\.4.*7\.2.*upgrade"):
        check_version({"format": "7.2"})


def test_this_readers_own_version_is_read() -> None:
    check_version({"format": FORMAT})


def test_an_older_file_has_none_of_the_newer_keys() -> None:
    value = manifest_to_json(tiny_bundle().manifest, tiny_programs())
    value["format"] = "1.0"
    with pytest.raises(UnknownKeyError, match="calibration"):
        manifest_from_json(value)
    del value["calibration"], value["latents"], value["frames"], value["search"]
    with pytest.raises(UnknownKeyError, match="solver"):
        manifest_from_json(value)
    for key in ("projection", "fista", "selection"):
        del value["solver"][key]
    manifest, _ = manifest_from_json(value)
    assert manifest.latents == {"z": (4,)}
    assert manifest.calibration is None
    assert manifest.solver.fista is None


@pytest.mark.parametrize("name", ["proximal", "adam", "lbfgs"])
@pytest.mark.parametrize("initial", ["unit-normal", "normal", "clamped-normal", "zero"])
def test_every_solver_and_start_survives_json(name: SolverName, initial: InitialLatent) -> None:
    manifest = tiny_bundle().manifest
    solver = replace(manifest.solver, name=name, initial_latent=initial)
    found, _ = through_json(replace(manifest, solver=solver), tiny_programs())
    assert found.solver == solver


@pytest.mark.parametrize("bits", [8, 16])
def test_a_calibration_and_the_parts_of_a_latent_survive_json(bits: ActivationBits) -> None:
    calibration = Calibration(bits, {"generator": {"z": 3.5, "act0": 1e-3}, "sensing": {}})
    parts = {"skip": (1, 3), "head": (1,)}
    manifest = replace(tiny_bundle().manifest, calibration=calibration, latents=parts)
    found, _ = through_json(manifest, tiny_programs())
    assert found.calibration == calibration
    assert list(found.latents.items()) == list(parts.items())


@pytest.mark.parametrize("sparsity", [None, 2])
def test_how_fista_runs_and_how_it_was_chosen_survive_json(sparsity: int | None) -> None:
    manifest = tiny_bundle().manifest
    solver = replace(
        manifest.solver,
        name="fista",
        fista=FistaDefaults(0.015, sparsity),
        selection={"noise": [0.0, 0.05], "measured": [{"solver": "fista", "psnr": {"10": [20.5]}}]},
    )
    found, _ = through_json(replace(manifest, solver=solver), tiny_programs())
    assert found.solver == solver
