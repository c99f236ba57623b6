"""What a graph may use: the versions and shapes the runtime it is made for can take."""

from dataclasses import dataclass

# Never onnx's default: runtimes lag behind it. From 21 on there is INT4, from 25 on INT2.
OPSET = 21
IR_VERSION = 10


@dataclass(frozen=True)
class Form:
    """The form of a graph.

    Attributes:
        opset: ONNX opset, 13 or later.
        ir_version: ONNX file format version.
        batch: Rows every input has; None for any number.
    """

    opset: int = OPSET
    ir_version: int = IR_VERSION
    batch: int | None = None


PORTABLE = Form()
