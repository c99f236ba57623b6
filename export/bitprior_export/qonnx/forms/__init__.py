"""What becomes of a node of an ONNX graph: nodes of a program, by op.

ONNX gives shapes, axes, sizes and pads as tensors, with the batch in them; a program has them as
attributes, without. An op without a form of its own is taken over as it is.
"""

from collections.abc import Callable, Mapping, Sequence

from bitprior_export.qonnx.forms import axes, convolution, elementwise, resampling
from bitprior_export.qonnx.forms.plain import plain
from bitprior_export.qonnx.site import Part, Site

Form = Callable[[Site], Sequence[Part]]

FORMS: Mapping[str, Form] = {
    **axes.FORMS,
    **convolution.FORMS,
    **elementwise.FORMS,
    **resampling.FORMS,
}


def parts_of(site: Site) -> Sequence[Part]:
    """Return the nodes of a program that do what a node of the graph does.

    Raises:
        UnfitError: No program can do it.
    """
    return FORMS.get(site.op, plain)(site)


__all__ = ["FORMS", "Form", "parts_of"]
