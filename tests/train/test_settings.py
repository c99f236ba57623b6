"""Configuration: preset, file, overrides; every mistake named."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_train.config import TrainConfig
from bitprior_train.presets import preset_names
from bitprior_train.settings import (
    differences,
    merge,
    parse_override,
    read_preset,
    read_table,
    resolve,
    to_toml,
    validate,
)


def digits(*overrides: str) -> TrainConfig:
    return resolve(read_preset("digits"), [parse_override(o) for o in overrides])


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_and_names_its_data(name: str) -> None:
    assert validate(read_preset(name)).data.name == name


def test_presets_exist_for_every_data_set() -> None:
    assert preset_names() == (
        "celeba64",
        "cifar10",
        "digits",
        "imagenette96",
        "mnist",
        "stl10",
        "svhn",
    )


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"digits, imagenette96, mnist.*'cifar99'"):
        read_preset("cifar99")


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
def test_what_is_written_as_toml_reads_back_the_same(bits: int) -> None:
    config = digits(f"quantiser.bits={bits}", "model.hidden=[7, 9]", "loss.mode=hinge")
    assert validate(tomllib.loads(to_toml(config))) == config


@pytest.mark.parametrize(
    ("bits", "grid", "scale"),
    [
        (1, "binary", "learned"),
        (2, "wide", "learned"),
        (3, "wide", "learned"),
        (4, "wide", "learned"),
        (32, "float", "none"),
    ],
)
def test_default_grid_and_scale_follow_the_bit_width(bits: int, grid: str, scale: str) -> None:
    quantiser = digits(f"quantiser.bits={bits}").quantiser
    assert (quantiser.grid, quantiser.scale) == (grid, scale)


@pytest.mark.parametrize(
    "wrong",
    [
        ("quantiser.bits=1", "quantiser.grid=wide"),
        ("quantiser.bits=2", "quantiser.grid=binary"),
        ("quantiser.bits=4", "quantiser.scale=mean-abs"),
        ("quantiser.bits=32", "quantiser.grid=wide"),
        ("quantiser.bits=5",),
        ("model.sparsity=33",),
        ("model.hidden=[]",),
        ("optimiser.lr=nan",),
        ("optimiser.lr=0",),
        ("optimiser.lr=fast",),
        ("optimiser.steps=2.5",),
        ("loss.gamma=inf",),
        ("validation.images=201",),
        ("data.name=mnist2",),
        ("inner.order=third",),
        ("validation.patience=-1",),
        ("optimiser.clip_norm=-1",),
        ("run.precision=float16",),
        ("run.device=tpu",),
        ("run=3",),
    ],
)
def test_wrong_values_are_refused_by_name(wrong: tuple[str, ...]) -> None:
    section = wrong[-1].split(".")[0].split("=")[0]
    with pytest.raises(UsageError, match=section if len(wrong) == 1 else "quantiser"):
        digits(*wrong)


def test_an_unknown_key_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"of optimiser \(lr, .*'optimiser.learning_rate'"):
        digits("optimiser.learning_rate=0.1")


def test_an_unknown_section_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"\(data, system, model, .*'optimizer'"):
        digits("optimizer.lr=0.1")


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("optimiser.lr=1e-3", {"optimiser": {"lr": 1e-3}}),
        ("model.hidden=[3, 4]", {"model": {"hidden": [3, 4]}}),
        ("inner.order=first", {"inner": {"order": "first"}}),
        ("inner.order='first'", {"inner": {"order": "first"}}),
        ("a = true", {"a": True}),
    ],
)
def test_overrides_hold_toml_values_or_bare_words(text: str, table: dict[str, Any]) -> None:
    assert parse_override(text) == table


@pytest.mark.parametrize("text", ["", "lr", "=3", "optimiser.=3", ".lr=3"])
def test_an_override_without_name_or_equals_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"section\.key=value"):
        parse_override(text)


def test_an_override_cannot_smuggle_in_more_toml() -> None:
    with pytest.raises(UsageError):
        digits("optimiser.lr=0.1\nmore = 1")


def test_merge_lays_tables_over_each_other_and_changes_neither() -> None:
    base, over = {"a": {"x": 1, "y": 2}, "b": 3}, {"a": {"y": 5}, "b": {"z": 1}}
    assert merge(base, over) == {"a": {"x": 1, "y": 5}, "b": {"z": 1}}
    assert base == {"a": {"x": 1, "y": 2}, "b": 3}


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.toml"):
        read_table(tmp_path / "none.toml")
    wrong = tmp_path / "wrong.toml"
    for content in (b"lr: 3", b"\xff\xfe"):
        wrong.write_bytes(content)
        with pytest.raises(UsageError, match="TOML"):
            read_table(wrong)


def test_differences_are_named() -> None:
    assert differences(digits(), digits()) == []
    changed = digits("optimiser.lr=0.02", "quantiser.bits=2")
    assert differences(digits(), changed) == [
        "quantiser.bits",
        "quantiser.grid",
        "quantiser.scale",
        "optimiser.lr",
    ]
