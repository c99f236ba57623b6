"""Every op with an integer form, against the float engine."""

import numpy as np
import pytest

from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.engines.integer_engine import IntegerEngine
from bitprior_runtime.errors import ProgramError
from bitprior_runtime.integer.lowering import LOWERINGS
from bitprior_runtime.ops import OPS
from builders.cases import name_of
from builders.integers import around, ranges
from builders.op_cases import CASES

WITHOUT = {"Exp", "HardSwish", "InstanceNormalization", "Log", "MaxPool", "Pow", "Sqrt"}


def _refused(case):
    products = case.op in {"Mul", "Div"} and not case.constants
    divided = case.op == "Div" and case.reads is not None
    linear = case.op == "Resize" and case.attributes.get("mode") == "linear"
    padded = case.op == "Pad" and case.attributes.get("value", 0.0) != 0
    return case.op in WITHOUT or products or divided or linear or padded


KNOWN = [case for case in CASES if not _refused(case)]
REFUSED = [case for case in CASES if _refused(case)]


def _engines(case, latents, bits):
    generator, sensing = around(case.program)
    calibration = ranges(generator, sensing, latents, bits)
    return FloatEngine(generator, sensing), IntegerEngine(generator, sensing, calibration)


@pytest.mark.parametrize("case", KNOWN, ids=name_of)
@pytest.mark.parametrize(("bits", "share"), [(16, 2e-3), (8, 4e-2)])
def test_an_op_draws_what_the_float_engine_draws(case, bits, share):
    z = case.inputs("random")
    exact, engine = _engines(case, z, bits)
    found, expected = engine.generate(z), exact.generate(z)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= share * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("case", KNOWN, ids=name_of)
@pytest.mark.parametrize(("bits", "share"), [(16, 4e-3), (8, 4e-2)])
def test_the_gradient_of_an_op_is_the_float_engines(case, bits, share):
    z = case.inputs("random")
    exact, engine = _engines(case, z, bits)
    y = exact.sense(exact.generate(z[::-1].copy()))
    loss, gradient = engine.value_and_grad(z, y)
    expected_loss, expected = exact.value_and_grad(z, y)
    assert np.abs(loss - expected_loss).max() <= 2 * share * np.abs(expected_loss).max()
    assert np.abs(gradient - expected).max() <= share * np.abs(expected).max()


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_an_op_without_an_integer_form_is_refused_by_name(case):
    z = case.inputs("random")
    with pytest.raises(ProgramError, match=rf"{case.op}.*use the float engine"):
        _engines(case, z, 8)


def test_the_ops_that_are_refused_are_those_without_an_integer_form():
    assert set(OPS) - set(LOWERINGS) == WITHOUT & set(OPS)


def test_an_unknown_op_is_refused_with_the_list_of_what_is_known():
    (case,) = (case for case in CASES if case.op == "Sqrt")
    with pytest.raises(ProgramError, match=r"ops with an integer form \(Abs, Add, .*'Sqrt'"):
        _engines(case, case.inputs("random"), 8)
