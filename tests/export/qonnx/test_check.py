from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, helper, numpy_helper
from torch import Tensor, nn

from bitprior_export.qonnx.check import check_against_torch, check_cases
from bitprior_export.qonnx.writer import write_qonnx
from bitprior_runtime.errors import CheckFailedError
from builders.networks import Generator, latents, linear


def export(module: nn.Module, folder: Path) -> ModelProto:
    path = folder / "g.onnx"
    write_qonnx(
        module, latents(), path, name="generator", input_name="z", output_name="x", metadata={}
    )
    return onnx.load(path)


def add_to(model: ModelProto, name: str, delta: float, index: int = 0) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[index] += delta
    tensor.CopyFrom(numpy_helper.from_array(values, name))


def set_attribute(model: ModelProto, node_name: str, name: str, value: float) -> None:
    node = next(node for node in model.graph.node if node.name == node_name)
    kept = [entry for entry in node.attribute if entry.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


TAMPERING: dict[str, tuple[Callable[[ModelProto], None], str]] = {
    "a bias of the first layer": (lambda m: add_to(m, "first.bias", 1e-3), "first/Gemm"),
    "a bias of the last layer": (lambda m: add_to(m, "last.0.bias", 1e-3, 5), "last.0/Gemm"),
    "a weight by a level": (lambda m: add_to(m, "first.weight", 0.2), "first.weight/Quant"),
    "a scale": (lambda m: add_to(m, "last.0.weight.scale", 1e-4), "last.0.weight/Quant"),
    "a bit width": (lambda m: add_to(m, "first.weight.bit_width", -1), "first.weight/Quant"),
    "a slope": (lambda m: set_attribute(m, "act/LeakyRelu", "alpha", 0.201), "act/LeakyRelu"),
    "a grid": (lambda m: set_attribute(m, "first.weight/Quant", "narrow", 1), "first.weight/Quant"),
    # Nodes outside any torch module show at the next output of one.
    "the offset to [0, 1]": (lambda m: add_to(m, "add.constant", 1e-3), "Reshape"),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_a_tampered_node_is_named(tmp_path: Path, what: str) -> None:
    generator = Generator(4)
    with torch.no_grad():  # on the wide grid, but not on the narrow one
        generator.first.weight.view(-1)[0] = -2 * generator.first.weight.abs().max()
    model = export(generator, tmp_path)
    check_against_torch(model, generator, check_cases(latents()))
    tamper, node = TAMPERING[what]
    tamper(model)
    with pytest.raises(CheckFailedError, match=f"at node '{node}'") as caught:
        check_against_torch(model, generator, check_cases(latents()))
    assert "first node that differs" in caught.value.todo


def test_the_check_leaves_modes_and_hooks_alone(tmp_path: Path) -> None:
    generator = Generator(4).train()
    generator.last.eval()
    model = export(generator, tmp_path)
    check_against_torch(model, generator, check_cases(latents()))
    assert generator.training
    assert not generator.last[0].training
    assert not any(part._forward_hooks for part in generator.modules())


def test_the_report_counts_nodes_and_cases(tmp_path: Path) -> None:
    generator = Generator(4)
    model = export(generator, tmp_path)
    report = check_against_torch(model, generator, check_cases(latents()))
    assert report.nodes == 7
    assert report.cases == ("example", "random", "zeros", "large")
    assert 0 <= report.max_difference < 1e-6


def test_cases_do_not_disturb_the_global_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    check_cases(latents())
    assert torch.equal(torch.rand(3), expected)


def test_a_layer_of_zeros_fails_because_no_error_could_show(tmp_path: Path) -> None:
    layer = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    with torch.no_grad():
        layer[0].weight.zero_()
        layer[0].bias.fill_(-1.0)
    with pytest.raises(CheckFailedError, match="only zeros in every case at 1/Relu"):
        export(layer, tmp_path)


def test_nan_in_torch_fails(tmp_path: Path) -> None:
    layer = linear(6, 4, bits=32)
    model = export(layer, tmp_path)
    with torch.no_grad():
        layer.weight.fill_(torch.nan)
    with pytest.raises(CheckFailedError, match="NaN or Inf"):
        check_against_torch(model, layer, check_cases(latents()))


def test_a_quantised_layer_without_its_quantiser_node_fails(tmp_path: Path) -> None:
    generator = Generator(4)
    model = export(generator, tmp_path)
    node = next(n for n in model.graph.node if n.name == "first.weight/Quant")
    values = generator.first.quant_weight().value.detach().numpy()
    model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    model.graph.node.remove(node)
    with pytest.raises(CheckFailedError, match="a quantiser node for the weight of 'first'"):
        check_against_torch(model, generator, check_cases(latents()))


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Tanh()
        self.layers = nn.Sequential(nn.Linear(6, 4), self.act)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.layers(self.act(z))
        return x


def test_a_module_registered_twice_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckFailedError, match="give each layer its own module"):
        export(Shared(), tmp_path)


def test_large_values_may_round_more_than_small_ones(tmp_path: Path) -> None:
    # Steep: a rounding error of 1e-4 at 1e3 shows as 1e-4 in a tanh.
    torch.manual_seed(0)
    steep = nn.Sequential(nn.Linear(6, 512), nn.LeakyReLU(), nn.Linear(512, 64), nn.Tanh())
    with torch.no_grad():
        steep[0].weight.mul_(100)
    model = export(steep, tmp_path)
    report = check_against_torch(model, steep, check_cases(latents()))
    assert np.isfinite(report.max_difference)
