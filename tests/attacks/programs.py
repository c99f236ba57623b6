"""Attacks through the programs: graphs that loop, lie about shapes or ask for too much."""

from typing import Any

from attacks.registry import forgery
from bitprior_runtime.bundle.errors import (
    BundleProgramError,
    ShapeChainError,
    UnsafeNameError,
    ValueRangeError,
    WrongTypeError,
)
from builders.forgery import Parts


def nodes(parts: Parts, which: str = "generator") -> list[dict[str, Any]]:
    """Return the nodes of a program, to change in place."""
    found: list[dict[str, Any]] = parts.manifest["programs"][which]["nodes"]
    return found


@forgery(BundleProgramError)
def two_nodes_that_read_each_other(parts: Parts) -> None:
    first, second = nodes(parts)[1:3]
    first["inputs"][0] = second["output"]


@forgery(BundleProgramError)
def a_node_that_reads_itself(parts: Parts) -> None:
    nodes(parts)[1]["inputs"] = [nodes(parts)[1]["output"]]


@forgery(BundleProgramError)
def a_node_that_reads_an_unknown_tensor(parts: Parts) -> None:
    nodes(parts)[0]["inputs"][1] = "sensing/fc0.weight"


@forgery(BundleProgramError)
def two_nodes_that_write_one_tensor(parts: Parts) -> None:
    nodes(parts)[1]["output"] = nodes(parts)[0]["output"]


@forgery(BundleProgramError)
def a_node_that_overwrites_a_weight(parts: Parts) -> None:
    nodes(parts)[0]["output"] = "fc1.weight"


@forgery(BundleProgramError)
def an_op_nobody_knows(parts: Parts) -> None:
    nodes(parts)[1]["op"] = "PyOp"


@forgery(UnsafeNameError)
def an_op_that_is_a_shell_command(parts: Parts) -> None:
    nodes(parts)[1]["op"] = "$(reboot)"


@forgery(BundleProgramError)
def an_attribute_nobody_knows(parts: Parts) -> None:
    nodes(parts)[1]["attributes"]["__class__"] = 1


@forgery(BundleProgramError)
def an_attribute_of_another_type(parts: Parts) -> None:
    nodes(parts)[1]["attributes"]["alpha"] = "0.2"


@forgery(WrongTypeError)
def an_attribute_of_mixed_types(parts: Parts) -> None:
    nodes(parts)[6]["attributes"]["shape"] = [1, 2, 3.0]


@forgery(WrongTypeError)
def an_attribute_that_is_true(parts: Parts) -> None:
    nodes(parts)[0]["attributes"]["transB"] = True


@forgery(WrongTypeError)
def an_attribute_that_is_an_object(parts: Parts) -> None:
    nodes(parts)[0]["attributes"]["transB"] = {}


@forgery(BundleProgramError)
def a_reshape_to_2_to_the_60_values(parts: Parts) -> None:
    nodes(parts)[6]["attributes"]["shape"] = [2**20, 2**20, 2**20]


@forgery(BundleProgramError)
def a_reshape_with_negative_sizes(parts: Parts) -> None:
    nodes(parts)[6]["attributes"]["shape"] = [-1, -2, 3]


@forgery(BundleProgramError)
def a_product_of_shapes_that_do_not_fit(parts: Parts) -> None:
    nodes(parts)[0]["attributes"]["transB"] = 0


@forgery(BundleProgramError)
def a_node_without_inputs(parts: Parts) -> None:
    nodes(parts)[1]["inputs"] = []


@forgery(BundleProgramError)
def an_output_nobody_writes(parts: Parts) -> None:
    parts.manifest["programs"]["generator"]["output"] = "nothing"


@forgery(ValueRangeError)
def five_thousand_nodes(parts: Parts) -> None:
    nodes(parts).extend([nodes(parts)[1]] * 5000)


@forgery(ValueRangeError)
def a_node_with_a_thousand_inputs(parts: Parts) -> None:
    nodes(parts)[1]["inputs"] = ["fc0"] * 1000


@forgery(ShapeChainError)
def a_generator_without_its_last_node(parts: Parts) -> None:
    nodes(parts).pop()
    parts.manifest["programs"]["generator"]["output"] = "pixels"


@forgery(ShapeChainError)
def a_sensing_network_for_other_images(parts: Parts) -> None:
    parts.manifest["programs"]["sensing"]["inputs"]["x"] = [1, 3, 2]


@forgery(ShapeChainError)
def a_generator_with_a_second_input(parts: Parts) -> None:
    parts.manifest["programs"]["generator"]["inputs"]["z2"] = [4]
