"""Errors of the export house: what was expected, what was found and what to do about it."""

from collections.abc import Sequence

from bitprior_runtime.errors import BitpriorError, UsageError


class ExportError(BitpriorError):
    """A network could not be turned into QONNX."""


class QonnxError(UsageError):
    """A QONNX file cannot become a program."""


class MalformedOnnxError(QonnxError):
    """The file is not ONNX, is cut short, or breaks ONNX's own rules."""


class TensorDataError(MalformedOnnxError):
    """A tensor's sizes are negative or beyond all measure, or its values do not fill them."""


class CyclicGraphError(MalformedOnnxError):
    """A node waits for its own output."""


class DuplicateNameError(MalformedOnnxError):
    """Two tensors of the graph have one name."""


class TensorTypeError(QonnxError):
    """A tensor holds text or complex numbers, which no network computes with."""


class SubgraphError(QonnxError):
    """A node holds a graph of its own: If, Loop, Scan."""


class LocalFunctionError(QonnxError):
    """The file defines functions, which could unfold without end."""


class SparseTensorError(QonnxError):
    """A tensor is stored sparse."""


class ExternalDataError(QonnxError):
    """Tensors lie outside the file."""


class SizeLimitError(QonnxError):
    """The file, or something in it, is larger than export accepts."""


class InterfaceError(QonnxError):
    """The graph's inputs and outputs are not one float image or latent in, one tensor out."""


class QuantiserError(QonnxError):
    """A Quant or BipolarQuant node is not one bitprior can store exactly."""


class UnsupportedOpError(QonnxError):
    """Nodes that no program can hold; all of them are listed at once.

    Attributes:
        offenders: One line for each such node: its name, its op and what is wrong with it.
    """

    def __init__(self, offenders: Sequence[str], known: Sequence[str]) -> None:
        self.offenders = tuple(offenders)
        super().__init__(
            f"only ops a program knows: {', '.join(sorted(known))}",
            "; ".join(self.offenders),
            "rewrite these parts of the network; run qonnx-cleanup on a raw export first",
        )


class UnfinishedRunError(UsageError):
    """A training run has not written what export needs."""


class RunRecordError(UsageError):
    """What a training run says about itself is damaged, impossible or not what it holds."""
