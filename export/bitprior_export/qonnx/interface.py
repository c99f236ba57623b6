"""The ends of a stranger's graph: one float tensor in, one out, the batch first; and its fit."""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from bitprior_export.errors import InterfaceError
from bitprior_export.qonnx.site import STANDARD
from bitprior_runtime.program import Shape


def opset(model: ModelProto) -> int:
    """Return the version of ONNX's ops."""
    return next(entry.version for entry in model.opset_import if entry.domain in STANDARD)


def single_input(model: ModelProto) -> tuple[str, int | None, Shape]:
    """Return the input's name, its batch size (None if free) and its shape without it.

    Raises:
        InterfaceError: Several inputs, another type than float32, or sizes that are not fixed.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise _wrong(
            "one input", f"{len(inputs)}: {', '.join(ascii(v.name)[:80] for v in inputs[:5])}"
        )
    kind = inputs[0].type
    if not kind.HasField("tensor_type") or kind.tensor_type.elem_type != TensorProto.FLOAT:
        raise _wrong("a float32 input", f"{inputs[0].name[:80]!a} of another type")
    axes = kind.tensor_type.shape.dim
    sizes = [axis.dim_value if axis.HasField("dim_value") else None for axis in axes]
    if not 2 <= len(sizes) <= 6 or any(size is None or size < 1 for size in sizes[1:]):
        raise _wrong(
            "an input [batch, ...] with every size but the batch fixed",
            f"sizes {[axis.dim_param[:20] or axis.dim_value for axis in axes[:8]]}",
        )
    return inputs[0].name, sizes[0], tuple(size for size in sizes[1:] if size is not None)


def single_output(model: ModelProto) -> str:
    """Return the output's name.

    Raises:
        InterfaceError: Several outputs.
    """
    names = [value.name for value in model.graph.output]
    if len(names) != 1:
        raise _wrong("one output", f"{len(names)}: {', '.join(ascii(n)[:80] for n in names[:5])}")
    return names[0]


def take_flat(model: ModelProto) -> ModelProto:
    """Return a model whose input is flat, [batch, values], reshaped to what it was before.

    Networks that begin with a ConvTranspose take latents [batch, k, 1, 1].
    """
    name, batch, shape = single_input(model)
    if len(shape) == 1:
        return model
    return _with_input(model, name, batch, (int(np.prod(shape)),), (-1, *shape))


def take_images(model: ModelProto, geometry: Shape) -> ModelProto:
    """Return a model whose input is images [batch, C, H, W], flattened if it wants them flat."""
    name, batch, shape = single_input(model)
    if len(shape) != 1 or shape[0] != int(np.prod(geometry)):
        return model
    return _with_input(model, name, batch, geometry, (-1, *shape))


def to_unit_range(model: ModelProto) -> ModelProto:
    """Return a model whose output is x / 2 + 1/2: values of [-1,1] become values of [0,1]."""
    changed, before = _copy(model), single_output(model)
    half, scaled, after = (_free_name(changed, name) for name in ("half", "scaled", "pixels"))
    changed.graph.initializer.append(
        numpy_helper.from_array(np.full((), 0.5, dtype=np.float32), half)
    )
    changed.graph.node.extend(
        [
            helper.make_node("Mul", [before, half], [scaled], name=f"{scaled}/Mul"),
            helper.make_node("Add", [scaled, half], [after], name=f"{after}/Add"),
        ]
    )
    changed.graph.output[0].name = after
    return changed


def _with_input(
    model: ModelProto, name: str, batch: int | None, shape: Shape, target: Shape
) -> ModelProto:
    """Put a Reshape between a new input of some shape and the old one."""
    changed = _copy(model)
    new, sizes = _free_name(changed, "input"), _free_name(changed, "sizes")
    changed.graph.initializer.append(
        numpy_helper.from_array(np.array(target, dtype=np.int64), sizes)
    )
    reshape: NodeProto = helper.make_node("Reshape", [new, sizes], [name], name=f"{new}/Reshape")
    nodes = [reshape, *changed.graph.node]
    del changed.graph.node[:]
    changed.graph.node.extend(nodes)
    others = [value for value in changed.graph.input if value.name != name]
    del changed.graph.input[:]
    value = helper.make_tensor_value_info(new, TensorProto.FLOAT, [batch or "batch", *shape])
    changed.graph.input.extend([value, *others])
    return changed


def _free_name(model: ModelProto, wish: str) -> str:
    graph = model.graph
    taken = {
        *(tensor.name for tensor in graph.initializer),
        *(value.name for value in graph.input),
        *(name for node in graph.node for name in node.output),
    }
    name = f"bitprior.{wish}"
    while name in taken:
        name += "_"
    return name


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _wrong(expected: str, found: str) -> InterfaceError:
    return InterfaceError(
        expected, found, "export the network with one image or latent in and one tensor out"
    )
