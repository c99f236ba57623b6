"""An op that means the same in a graph and in a program."""

from collections.abc import Sequence

from bitprior_export.qonnx.site import Part, Site


def plain(site: Site) -> Sequence[Part]:
    """Return the node with its inputs and attributes as they are."""
    return [Part(site.op, tuple(site.inputs), site.output, site.attributes())]
