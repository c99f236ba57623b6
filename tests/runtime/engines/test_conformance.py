"""Every engine, on every kernel, through the same tests.

The float engine on numpy, in float64, is the definition. Engines in float32 must give its values to
rounding; low-precision engines must point where it points. An engine that cannot run a program has
to say so, and name what it lacks.
"""

import numpy as np
import pytest

from bitprior_export.bundle.writer import write_bundle
from bitprior_runtime import load
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.registry import KINDS
from bitprior_runtime.errors import BitpriorError, MissingExtraError
from builders.cases import name_of
from builders.op_cases import CASES
from builders.wrapped import bundle_of, linear_sensing, op_bundle
