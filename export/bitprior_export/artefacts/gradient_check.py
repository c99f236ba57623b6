"""Compare f and its gradient inside a graph with the programs, node by node."""

from collections.abc import Mapping, Sequence

import onnx

from bitprior_export.artefacts.expose import computed_values, cotangent_name, exposed
from bitprior_export.artefacts.nodes import Array, NodeCheck, NodeReport
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.onnx_graph import OnnxGraph
from bitprior_runtime.program import Program

# Of one turn of the loop in recover.onnx, if it is one.
STEP_VALUES = ("step/loss", "step/moved", "step/next_z", "step/next_v", "step/next_theta")


def check_gradient(
    bundle: Bundle, file: str, model: onnx.ModelProto, inputs: Mapping[str, Array], z: str
) -> tuple[NodeReport, Mapping[str, Array]]:
    """Compare forward in order, then the loss, then the adjoint from the end.

    Args:
        bundle: The bundle the graph belongs to.
        file: Name of the graph's file, for messages.
        model: The graph.
        inputs: What it is given.
        z: Name of the input that is the latent.

    Returns:
        What was compared, and the graph's values by name.

    Raises:
        CheckFailedError: A node differs; it is the first one.
    """
    values = graph_values(model, [bundle.generator, bundle.sensing], inputs)
    generator = NodeCheck(file, bundle.generator, values, z)
    sensing = NodeCheck(file, bundle.sensing, values, f"generator/{bundle.generator.output}")
    generator.forward()
    sensing.forward()
    sensed = values[f"sensing/{bundle.sensing.output}"]
    residual = sensed - inputs["y"]
    sensing.compare("the residual", values["residual"], residual, [sensed])
    sensing.compare(
        f"the cotangent of {bundle.sensing.output!r}",
        values.get(cotangent_name("sensing", bundle.sensing.output)),
        2 * values["residual"],
        [],
    )
    sensing.backward()
    (x,) = bundle.sensing.inputs
    generator.compare(
        f"the cotangent of {bundle.generator.output!r}",
        values.get(cotangent_name("generator", bundle.generator.output)),
        values[cotangent_name("sensing", x)],
        [],
    )
    generator.backward()
    report = NodeReport()
    report.add(sensing.report)
    report.add(generator.report)
    return report, values


def graph_values(
    model: onnx.ModelProto, programs: Sequence[Program], inputs: Mapping[str, Array]
) -> Mapping[str, Array]:
    """Run a graph and return its inputs, the programs' activations and cotangents, and the step."""
    wanted = {"residual", *STEP_VALUES}
    for program in programs:
        for tensor in (*program.inputs, *(node.output for node in program.nodes)):
            wanted |= {f"{program.name}/{tensor}", cotangent_name(program.name, tensor)}
    names = [name for name in computed_values(model) if name in wanted]
    return {**OnnxGraph(exposed(model, names)).run(inputs), **inputs}
