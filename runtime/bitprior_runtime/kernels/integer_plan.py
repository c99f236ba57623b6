"""An integer plan as the C structs of the native kernels."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitprior_runtime.integer.plan import (
    ElementwiseNode,
    GatherNode,
    IntegerNode,
    IntegerPlan,
    IntegerProgram,
    LinearNode,
    Merge,
    Requantiser,
    TableNode,
)
from bitprior_runtime.kernels import integer_structs as structs
from bitprior_runtime.kernels.integer_layout import Layout, Order, by_period, lay_out
from bitprior_runtime.kernels.integer_weights import Keeper, make_matrices, make_patches


class NativePlan:
    """A plan laid out for C; it owns the memory the structs point to.

    Args:
        plan: The plan.

    Attributes:
        struct: The ``bp_integer_plan``.
        kept: The memory its pointers lead to.
        weight_bytes: Bytes of the packed weights, of which there is one copy.

    Raises:
        ProgramError: The native kernels cannot run the plan.
    """

    def __init__(self, plan: IntegerPlan) -> None:
        self._keeper = Keeper()
        layouts = [lay_out(program) for program in (plan.generator, plan.sensing)]
        generator, sensing = (
            self._program(program, layout)
            for program, layout in zip((plan.generator, plan.sensing), layouts, strict=True)
        )
        latent = plan.generator.tensors[plan.generator.source]
        image = plan.sensing.tensors[plan.sensing.source]
        measured = plan.sensing.tensors[plan.sensing.target]
        drawn_order = layouts[0].order(plan.generator.target)
        image_order = layouts[1].order(plan.sensing.source)
        self.struct = structs.Plan(
            generator=generator,
            sensing=sensing,
            latent_order=self._order(layouts[0].order(plan.generator.source)),
            drawn_order=self._order(drawn_order),
            image_order=self._order(image_order),
            measurement_order=self._order(layouts[1].order(plan.sensing.target)),
            hand_over=self._order(
                _hand_over(layouts[0].places(plan.generator.target, image.size), image_order)
            ),
            latent_step=latent.step,
            image_step=image.step,
            measurement_step=measured.step,
            gradient_scale=plan.gradient_scale,
            latent_limit=latent.limit,
            image_limit=image.limit,
            measurement_limit=measured.limit,
        )
        self.kept = self._keeper.kept
        self.weight_bytes = self._keeper.weight_bytes

    def _order(self, order: Order | None) -> int | None:
        return None if order is None else self._keeper.address(order)

    def _program(self, program: IntegerProgram, layout: Layout) -> structs.Network:
        nodes = [self._node(node, program, layout) for node in program.nodes]
        sizes = np.array([tensor.size for tensor in program.tensors], np.int64)
        return structs.Network(
            sizes=self._keeper.address(sizes),
            tensors=len(sizes),
            nodes=self._keeper.array(structs.Node, nodes),
            count=len(nodes),
            source=program.source,
            target=program.target,
        )

    def _node(self, node: IntegerNode, program: IntegerProgram, layout: Layout) -> structs.Node:
        if isinstance(node, LinearNode):
            made, period = self._linear(node, program, layout)
            source = node.source
        elif isinstance(node, ElementwiseNode):
            made, period = self._elementwise(node, program, layout)
            source = node.operands[0].source
        elif isinstance(node, GatherNode):
            made, period = self._gather(node, program, layout)
            source = node.source
        else:
            made, period = self._table(node, program)
            source = node.source
        return structs.Node(
            kind=int(node.kind),
            source=source,
            target=node.target,
            period=period,
            node=structs.node_pointer(self._keeper.keep(made)),
        )

    def _linear(
        self, node: LinearNode, program: IntegerProgram, layout: Layout
    ) -> tuple[structs.AnyNode, int]:
        source, target = program.tensors[node.source], program.tensors[node.target]
        orders = (layout.order(node.source), layout.order(node.target))
        arrays, period = by_period(
            {
                "bias": node.bias,
                **_pair("positive", node.positive),
                **_pair("negative", node.negative),
                "slope_positive": node.slope_positive,
                "slope_negative": node.slope_negative,
            },
            target.size,
            node.inner,
            orders[1],
        )
        at = {name: self._keeper.address(value) for name, value in arrays.items()}
        made = structs.Linear(
            geometry=make_patches(node),
            matrices=make_matrices(node, orders, self._keeper),
            code_multiplier=node.code_multiplier,
            code_offset=node.code_offset,
            bias=at["bias"],
            requantiser=_requantising(at, target.limit),
            slope_positive=at["slope_positive"],
            slope_negative=at["slope_negative"],
            input_limit=source.limit,
            cotangent_limit=node.cotangent_limit,
            merge=_merge(node.merge),
        )
        return made, period

    def _elementwise(
        self, node: ElementwiseNode, program: IntegerProgram, layout: Layout
    ) -> tuple[structs.AnyNode, int]:
        order = layout.order(node.target)
        size = program.tensors[node.target].size
        named: dict[str, NDArray[Any]] = {"offset": node.offset}
        for place, operand in enumerate(node.operands):
            for name in ("positive", "negative", "slope_positive", "slope_negative"):
                named[f"{name} {place}"] = getattr(operand, name)
        arrays, period = by_period(named, size, node.inner, order)
        at = {name: self._keeper.address(value) for name, value in arrays.items()}
        terms = [
            structs.Term(
                source=operand.source,
                normalise=operand.normalise,
                positive=at[f"positive {place}"],
                negative=at[f"negative {place}"],
                slope_positive=at[f"slope_positive {place}"],
                slope_negative=at[f"slope_negative {place}"],
                merge=_merge(operand.merge),
            )
            for place, operand in enumerate(node.operands)
        ]
        made = structs.Elementwise(
            operands=self._keeper.array(structs.Term, terms),
            count=len(terms),
            offset=at["offset"],
            shift=node.shift,
            low=node.low,
            high=node.high,
            gate=(ctypes.c_int32 * 2)(*node.gate),
        )
        return made, period

    def _gather(
        self, node: GatherNode, program: IntegerProgram, layout: Layout
    ) -> tuple[structs.AnyNode, int]:
        source, target = program.tensors[node.source], program.tensors[node.target]
        order = layout.order(node.target)
        places = np.append(layout.places(node.source, source.size), np.int32(-1))
        index = places[node.index]
        named: dict[str, NDArray[Any]] = {}
        if node.requantiser is not None:
            named |= _pair("positive", node.requantiser)
        if node.slope is not None:
            named["slope"] = node.slope
        whole = {name: np.broadcast_to(value, target.size) for name, value in named.items()}
        whole["index"] = np.arange(target.size, dtype=np.int32)
        arrays, period = by_period(whole, target.size, 1, order)
        at = {name: self._keeper.address(value) for name, value in arrays.items()}
        made = structs.Gather(
            index=self._keeper.address(index[arrays["index"]]),
            taps=index.shape[1],
            requantised=node.requantiser is not None,
            normalise=node.normalise,
            requantiser=_requantising(at, target.limit),
            slope=at.get("slope"),
            merge=_merge(node.merge),
        )
        return made, period

    def _table(self, node: TableNode, program: IntegerProgram) -> tuple[structs.AnyNode, int]:
        made = structs.Table(
            values=self._keeper.address(node.values),
            slopes=self._keeper.address(node.slopes),
            merge=_merge(node.merge),
        )
        return made, program.tensors[node.target].size


def _pair(name: str, requantiser: Requantiser) -> dict[str, NDArray[Any]]:
    return {name: requantiser.multiplier, f"{name}_shift": requantiser.shift}


def _requantising(at: dict[str, int], limit: int) -> structs.Requantising:
    """Return the requantiser of v >= 0 and v < 0; one pair does for both if there is only one."""
    names = ("positive", "positive_shift", "negative", "negative_shift")
    both = {name: at.get(name, at.get(name.replace("negative", "positive"))) for name in names}
    return structs.Requantising(**both, low=-limit, high=limit)


def _merge(rule: Merge | None) -> structs.MergeRule:
    if rule is None:
        return structs.MergeRule()
    return structs.MergeRule(present=1, multiplier=rule.multiplier, exponent=rule.exponent)


def _hand_over(drawn_places: Order, image_order: Order | None) -> Order | None:
    taken = drawn_places if image_order is None else drawn_places[image_order]
    return None if np.array_equal(taken, np.arange(len(taken))) else taken
