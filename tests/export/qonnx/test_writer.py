import importlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from torch import Tensor, nn

from bitprior_export.errors import ExportError
from bitprior_export.qonnx import writer
from bitprior_export.qonnx.batch import at_batch
from bitprior_export.qonnx.writer import write_qonnx
from bitprior_runtime.errors import CheckFailedError, UnwritableOutputError, UsageError
from builders.networks import (
    GEOMETRY,
    LATENT,
    Generator,
    Granularity,
    Sensing,
    images,
    latents,
    linear,
)

WIDTHS = [
    *itertools.product([2, 3, 4, 8], [False, True], ["per-tensor", "per-channel"]),
    (1, True, "per-tensor"),
    (1, True, "per-channel"),
    (32, False, "per-tensor"),
]


def write_generator(module: nn.Module, path: Path, **changed: Any) -> Any:
    arguments: dict[str, Any] = {
        "name": "generator",
        "input_name": "z",
        "output_name": "x",
        "metadata": {"bits": 4, "geometry": list(GEOMETRY), "value_range": [0, 1]},
        **changed,
    }
    return write_qonnx(module, latents(), path, **arguments)


@pytest.mark.parametrize(("bits", "narrow", "granularity"), WIDTHS)
def test_a_generator_of_any_width_runs_in_qonnx_as_in_torch(
    tmp_path: Path, bits: int, narrow: bool, granularity: Granularity
) -> None:
    generator = Generator(bits, narrow, granularity)
    report = write_generator(generator, tmp_path / "g.onnx")
    model = at_batch(onnx.load(tmp_path / "g.onnx"), 3)
    z = latents(3, seed=9)
    found = execute_onnx(model, {"z": z.numpy()})["x"]
    np.testing.assert_allclose(found, generator(z).detach().numpy(), rtol=0, atol=1e-6)
    assert report.nodes == (5 if bits == 32 else 7)  # weights, leaf modules, output
    assert 0 <= report.max_difference < 1e-6


@pytest.mark.parametrize("bits", [1, 4])
def test_weights_stay_low_bit_quantiser_nodes_named_after_their_modules(
    tmp_path: Path, bits: int
) -> None:
    write_generator(Generator(bits), tmp_path / "g.onnx")
    graph = onnx.load(tmp_path / "g.onnx").graph
    quantiser = "BipolarQuant" if bits == 1 else "Quant"
    assert {node.name: node.output[0] for node in graph.node} == {
        f"first.weight/{quantiser}": "first.weight.quantised",
        f"last.0.weight/{quantiser}": "last.0.weight.quantised",
        "first/Gemm": "first",
        "act/LeakyRelu": "act",
        "last.0/Gemm": "last.0",
        "last.1/Tanh": "last.1",
        "Mul": "mul",
        "Add": "add",
        "Reshape": "x",
    }
    assert {"first.weight", "first.weight.scale", "first.bias", "mul.constant"} <= {
        tensor.name for tensor in graph.initializer
    }


def test_the_file_pins_its_opset_and_carries_its_facts(tmp_path: Path) -> None:
    write_generator(Generator(), tmp_path / "g.onnx")
    model = onnx.load(tmp_path / "g.onnx")
    onnx.checker.check_model(model)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 17
    assert model.ir_version == 8
    assert model.graph.name == "generator"
    facts = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert facts == {
        "bitprior.name": "generator",
        "bitprior.bits": 4,
        "bitprior.geometry": [1, 4, 4],
        "bitprior.value_range": [0, 1],
    }


def test_constants_are_initialisers_and_no_initialiser_is_an_input(tmp_path: Path) -> None:
    write_generator(Generator(), tmp_path / "g.onnx")
    graph = onnx.load(tmp_path / "g.onnx").graph
    assert [value.name for value in graph.input] == ["z"]
    assert not [node for node in graph.node if node.op_type in ("Constant", "Shape", "Concat")]


def test_the_batch_axis_is_free(tmp_path: Path) -> None:
    write_qonnx(
        Sensing(),
        images(),
        tmp_path / "s.onnx",
        name="sensing",
        input_name="x",
        output_name="y",
        metadata={},
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / "s.onnx", options)
    for rows in (1, 2, 7):
        x = images(rows)
        (y,) = session.run(None, {"x": x.numpy()})
        np.testing.assert_allclose(y, Sensing()(x).detach().numpy(), atol=1e-6)


def test_a_module_that_is_one_layer_is_exported(tmp_path: Path) -> None:
    layer = linear(LATENT, 4, bits=3, bias=False)
    report = write_generator(layer, tmp_path / "g.onnx")
    assert report.nodes == 2
    model = at_batch(onnx.load(tmp_path / "g.onnx"), 4)
    found = execute_onnx(model, {"z": latents().numpy()})["x"]
    np.testing.assert_allclose(found, layer(latents()).detach().numpy(), atol=1e-6)


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(LATENT, 8), nn.Linear(8, 8)
        self.act, self.drop = nn.ReLU(), nn.Dropout()

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.act(self.drop(self.b(self.act(self.a(z)))))
        return x


def test_a_module_called_twice_and_a_dropout_are_checked(tmp_path: Path) -> None:
    torch.manual_seed(0)
    assert write_generator(Reused().train(), tmp_path / "g.onnx").nodes == 4


def test_a_batch_size_baked_in_is_refused(tmp_path: Path) -> None:
    class Baked(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z + torch.ones(z.shape[0], 1)

    with pytest.raises(CheckFailedError, match="a graph that runs on a batch of 4"):
        write_generator(Baked(), tmp_path / "g.onnx")
    assert not list(tmp_path.iterdir())


# What torch, brevitas and qonnx leave behind


State = tuple[Any, ...]


def state_of(module: nn.Module) -> State:
    return (
        [(name, part.training) for name, part in module.named_modules()],
        [(name, p.requires_grad, p.detach().clone()) for name, p in module.named_parameters()],
        [
            (
                name,
                getattr(part, "export_mode", None),
                getattr(part, "export_handler", None),
                sorted(vars(part)),
                sorted(part._modules),
                len(part._forward_hooks),
            )
            for name, part in module.named_modules()
        ],
    )


def assert_unchanged(module: nn.Module, before: State) -> None:
    now = state_of(module)
    assert now[0] == before[0]
    assert [entry[:2] for entry in now[1]] == [entry[:2] for entry in before[1]]
    for (name, _, value), (_, _, old) in zip(now[1], before[1], strict=True):
        assert torch.equal(value, old), name
    assert now[2] == before[2]


def mixed_generator() -> Generator:
    generator = Generator(4).train()
    generator(latents())  # quantisers that settle on their first pass have done so
    generator.last.eval()
    generator.first.bias.requires_grad_(False)
    return generator


def test_the_module_is_left_as_it_was(tmp_path: Path) -> None:
    generator = mixed_generator()
    before = state_of(generator)
    write_generator(generator, tmp_path / "g.onnx")
    assert_unchanged(generator, before)
    generator(latents()).sum().backward()
    assert generator.first.weight.grad is not None


def _failing(*arguments: Any, **options: Any) -> Any:
    raise RuntimeError("injected")


STEPS: dict[str, tuple[str, str]] = {
    "brevitas": ("torch.onnx", "export"),
    "cleanup": ("bitprior_export.qonnx.writer", "cleanup_model"),
    "naming": ("bitprior_export.qonnx.writer", "name_after_modules"),
    "check": ("bitprior_export.qonnx.writer", "check_against_torch"),
    "write": ("bitprior_export.qonnx.writer", "write_atomically"),
}


@pytest.mark.parametrize("step", STEPS)
def test_the_module_is_left_as_it_was_when_a_step_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    generator = mixed_generator()
    before = state_of(generator)
    module, name = STEPS[step]
    monkeypatch.setattr(importlib.import_module(module), name, _failing)
    with pytest.raises((ExportError, RuntimeError), match="injected"):
        write_generator(generator, tmp_path / "g.onnx")
    assert_unchanged(generator, before)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    # brevitas refuses to start an export while it believes another one is going on.
    write_generator(generator, tmp_path / "g.onnx")


def test_a_failed_check_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "g.onnx").write_bytes(b"old")

    def fail(*arguments: Any) -> Any:
        raise CheckFailedError("equal", "different", "look")

    monkeypatch.setattr(writer, "check_against_torch", fail)
    with pytest.raises(CheckFailedError):
        write_generator(Generator(), tmp_path / "g.onnx")
    assert (tmp_path / "g.onnx").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_exporter_that_changes_a_weight_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Callable[..., ModelWrapper] = writer.cleanup_model

    def tampering(model: ModelWrapper) -> ModelWrapper:
        cleaned = original(model)
        name = next(n for n in cleaned.graph.node if n.op_type == "Gemm").input[2]
        cleaned.set_initializer(name, cleaned.get_initializer(name) + np.float32(0.01))
        return cleaned

    monkeypatch.setattr(writer, "cleanup_model", tampering)
    with pytest.raises(CheckFailedError, match="first/Gemm"):
        write_generator(Generator(), tmp_path / "g.onnx")


class Fancy(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.linalg.svdvals(z.reshape(-1, 2, 3))


def test_a_network_onnx_cannot_express_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="a network that QONNX can express"):
        write_generator(Fancy(), tmp_path / "g.onnx")


def test_a_quantiser_brevitas_would_skip_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brevitas.export.onnx.qonnx.manager import QONNXManager

    monkeypatch.setattr(QONNXManager, "handlers", [])
    with pytest.raises(ExportError, match="has no handler"):
        write_generator(Generator(4), tmp_path / "g.onnx")


@pytest.mark.parametrize(
    "changed",
    [
        {"input_name": "x"},
        {"name": ""},
        {"output_name": ""},
        {"metadata": {"bits": object()}},
    ],
)
def test_wrong_names_and_metadata_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        write_generator(Generator(), tmp_path / "g.onnx", **changed)


@pytest.mark.parametrize(
    "example",
    [
        torch.zeros(LATENT),
        torch.zeros((0, LATENT)),
        torch.zeros((2, LATENT), dtype=torch.float64),
        torch.full((2, LATENT), torch.nan),
    ],
)
def test_a_wrong_example_is_refused(tmp_path: Path, example: Tensor) -> None:
    with pytest.raises(UsageError, match="example"):
        write_qonnx(
            Generator(),
            example,
            tmp_path / "g.onnx",
            name="generator",
            input_name="z",
            output_name="x",
            metadata={},
        )


def test_a_folder_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UnwritableOutputError):
        write_generator(nn.Identity(), tmp_path / "missing" / "g.onnx")


def test_export_says_nothing(tmp_path: Path) -> None:
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "import sys; sys.path.insert(0, 'tests')\n"
        "from pathlib import Path\n"
        "from builders.networks import Generator, latents\n"
        "from bitprior_export.qonnx.writer import write_qonnx\n"
        "for bits in (4, 32):\n"
        f"    write_qonnx(Generator(bits), latents(), Path({str(tmp_path / 'g.onnx')!r}),"
        " name='g', input_name='z', output_name='x', metadata={})\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
