"""A plan that is wrong is refused where it enters C: nothing is read or written for it."""

import ctypes

import numpy as np
import pytest

from bitprior_runtime.engines.native_float_engine import NativeFloatEngine
from bitprior_runtime.integer.compile import compile_plan
from bitprior_runtime.kernels import integer as integer_kernels
from bitprior_runtime.kernels.float_program import compile_programs
from bitprior_runtime.kernels.integer_plan import NativePlan
from bitprior_runtime.kernels.library import NativeError, choose_kernel, library
from bitprior_runtime.kernels.pool import Pool
from bitprior_runtime.kernels.structures import Geometry, Op
from bitprior_runtime.program import Node, Program
from bitprior_runtime.tensors import FloatTensor
from builders.single_op import as_prior, assert_engines_agree

BAD_ARGUMENT = 3
RNG = np.random.default_rng(0)


def tensor(*shape):
    return FloatTensor(RNG.standard_normal(shape).astype(np.float32))


CUT = {"starts": (1,), "ends": (4,), "axes": (1,), "steps": (2,)}


def networks(integer=False):
    """Return a generator and a sensing network with a node of most kinds that an engine has."""
    side = 2 if integer else 3
    nodes = [
        Node("Gemm", ("z", "w"), "h"),
        Node("Reshape", ("h",), "maps", {"shape": (2, side, side)}),
        Node("ConvTranspose", ("maps", "k"), "up", {"strides": (2, 2)}),
        Node("Slice", ("up",), "x" if integer else "cut", CUT),
    ]
    if not integer:
        nodes += [
            Node("Resize", ("cut",), "big", {"sizes": (8, 8), "mode": "linear"}),
            Node("MaxPool", ("big",), "x", {"kernel_shape": (2, 2), "strides": (2, 2)}),
        ]
    weights = {"w": tensor(6, 2 * side * side), "k": tensor(2, 4, 2, 2)}
    generator = Program("generator", {"z": (6,)}, "x", nodes, weights)
    sensing = Program(
        "sensing",
        {"x": (2, 4, 4)},
        "y",
        [
            Node("Conv", ("x", "k"), "c", {"pads": (1, 1, 1, 1)}),
            Node("Add", ("x", "c"), "sum"),
            Node("Flatten", ("sum",), "f"),
            Node("MatMul", ("f", "w"), "y"),
        ],
        {"k": tensor(2, 2, 3, 3), "w": tensor(32, 5)},
    )
    return generator, sensing


def float_status(change):
    """Return what C says of the program of ``networks`` after ``change``."""
    compiled = compile_programs(*networks())
    struct = compiled.struct
    nodes = {Op(struct.nodes[i].op): struct.nodes[i] for i in range(struct.count)}
    change(compiled.struct, nodes)
    engine, pool = ctypes.c_void_p(), Pool(1)
    native = library()
    status = native.bp_float_engine_create(
        ctypes.byref(compiled.struct), choose_kernel(), pool.handle, ctypes.byref(engine)
    )
    if status == 0:
        native.bp_float_engine_destroy(engine)
    return status


def test_the_unchanged_program_is_taken_and_right():
    assert float_status(lambda program, nodes: None) == 0
    generator, sensing = networks()
    assert NativeFloatEngine(generator, sensing).generate(np.ones((1, 6), np.float32)).shape == (
        1, 2, 4, 4,
    )  # fmt: skip


def _part(whole, name):
    return getattr(whole, name) if isinstance(name, str) else whole[name]


def change(path, value):
    """Return a change of one number: of a node by its op, of a value, or of the program."""

    def apply(program, nodes):
        *way, last = path
        at = program
        for step in way:
            at = _part(nodes if isinstance(step, Op) else at, step)
        if isinstance(last, int):
            at[last] = value
        else:
            setattr(at, last, value)

    return apply


WRONG = [
    (("count",), -1),
    (("middle",), 99),
    (("floats",), 0),
    (("floats",), 2**62),
    (("numbers",), 0),
    (("scratch",), -1),
    (("scratch",), 1),
    (("spare",), 2**40),
    (("latent",), 99),
    (("image",), -1),
    (("measurement",), 99),
    (("values", 0, "offset"), -16),
    (("values", 0, "offset"), 2**61),
    (("values", 0, "cotangent"), 2**40),
    (("values", 0, "size"), 0),
    (("values", 0, "size"), 2**62),
    ((Op.LINEAR, "op"), 99),
    ((Op.LINEAR, "op"), -1),
    ((Op.LINEAR, "function"), 99),
    ((Op.LINEAR, "output"), 99),
    ((Op.LINEAR, "inputs", 0), -1),
    ((Op.LINEAR, "inputs", 1), 99),
    ((Op.LINEAR, "count"), 2**62),
    ((Op.LINEAR, "weight", "rows"), 2**60),
    ((Op.LINEAR, "weight", "columns"), 7),
    ((Op.LINEAR, "weight", "blocks"), 0),
    ((Op.LINEAR, "weight", "bits"), 9),
    ((Op.CONV, "geometry", "strides", 0), 2**59),
    ((Op.CONV, "geometry", "strides", 0), 0),
    ((Op.CONV, "geometry", "dilations", 1), 2**62),
    ((Op.CONV, "geometry", "top"), 2**62),
    ((Op.CONV, "geometry", "left"), -1),
    ((Op.CONV, "geometry", "kernel", 0), 2**40),
    ((Op.CONV, "geometry", "rows"), 5),
    ((Op.CONV, "geometry", "channels"), 3),
    ((Op.CONV, "geometry", "groups"), 0),
    ((Op.CONV_TRANSPOSE, "geometry", "height"), 2**33),
    ((Op.CONV_TRANSPOSE, "geometry", "outputs"), 1),
    ((Op.MOVE, "count"), -1),
    ((Op.MOVE, "source", 0), 99999),
    ((Op.MOVE, "source", 0), -1),
    ((Op.MOVE, "target", 0), 99999),
    ((Op.LINES, "source", 0), 99),
    ((Op.LINES, "target", 0), -1),
    ((Op.LINES, "geometry", "width"), 2**62),
    ((Op.MAX_POOL, "geometry", "rows"), 5),
    ((Op.MAX_POOL, "geometry", "strides", 1), 2**62),
    ((Op.ADD, "inputs", 1), -1),
    ((Op.ADD, "output"), 0),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_a_float_program_with_a_wrong_number_is_refused(path, value):
    assert float_status(change(path, value)) == BAD_ARGUMENT


def test_a_convolution_that_fits_no_memory_needs_no_scratch():
    scratch = library().bp_float_scratch
    scratch.restype = ctypes.c_int64
    good = Geometry(16, 4, 4, 8, 4, 4, (1, 1), (1, 1), (1, 1), 0, 0, 1)
    assert scratch(ctypes.byref(good)) > 0
    wide = Geometry(16, 2, 2, 1, 2, 2, (1, 1), (2**59, 1), (1, 1), 2**59, 0, 1)
    assert scratch(ctypes.byref(wide)) == -1


def integer_plan():
    """Return the integer plan of ``networks``."""
    generator, sensing = networks(integer=True)
    ranges = {
        program.name: dict.fromkeys([*program.inputs, *(n.output for n in program.nodes)], 4.0)
        for program in (generator, sensing)
    }
    return compile_plan(generator, sensing, ranges, 8)


def integer_status(alter):
    """Return what C says of that plan after ``alter``."""
    plan = NativePlan(integer_plan())
    alter(plan.struct)
    engine, pool, native = ctypes.c_void_p(), Pool(1), library()
    arguments = (choose_kernel(), pool.handle, ctypes.c_int64(4), ctypes.byref(engine))
    status = native.bp_integer_create(ctypes.byref(plan.struct), *arguments)
    if status == 0:
        native.bp_integer_destroy(engine)
    return status


def of_kind(network, kind):
    """Return the first node of a kind."""
    return next(network.nodes[i] for i in range(network.count) if network.nodes[i].kind == kind)


def int64s(address, count):
    return (ctypes.c_int64 * count).from_address(address)


def int32s(address, count):
    return (ctypes.c_int32 * count).from_address(address)


def put(target, name, value):
    """Set an item or an attribute."""
    if isinstance(name, int):
        target[name] = value
    else:
        setattr(target, name, value)


def dense(plan):
    return of_kind(plan.generator, 0).node.linear.contents


def conv(plan):
    return of_kind(plan.sensing, 1).node.linear.contents


INTEGER_WRONG = {
    "a tensor without elements": lambda p: put(int64s(p.generator.sizes, 1), 0, 0),
    "a tensor of 2^62 elements": lambda p: put(int64s(p.generator.sizes, 1), 0, 2**62),
    "a source beyond the tensors": lambda p: put(p.generator, "source", 99),
    "a target before them": lambda p: put(p.sensing, "target", -1),
    "no tensors": lambda p: put(p.generator, "tensors", 0),
    "an unknown kind": lambda p: put(p.generator.nodes[0], "kind", 7),
    "a node that writes nowhere": lambda p: put(p.generator.nodes[0], "target", 99),
    "a period that does not divide": lambda p: put(p.generator.nodes[0], "period", 7),
    "a period of nothing": lambda p: put(p.generator.nodes[0], "period", 0),
    "a stride of 2^59": lambda p: put(conv(p).geometry.strides, 0, 2**59),
    "a pad of -1": lambda p: put(conv(p).geometry.pads, 0, -1),
    "a side of 2^40": lambda p: put(conv(p).geometry, "height", 2**40),
    "groups that do not divide": lambda p: put(conv(p).geometry, "groups", 3),
    "a kernel of 2^62": lambda p: put(conv(p).geometry.kernel, 1, 2**62),
    "a limit of 17 bits": lambda p: put(conv(p), "input_limit", 2**17),
    "a matrix of other inputs": lambda p: put(dense(p).matrices[0].part[0], "ins", 5),
    "a matrix of other outputs": lambda p: put(dense(p).matrices[0].part[0], "outs", 99),
    "a matrix of too few words": lambda p: put(dense(p).matrices[0].part[0], "words", 0),
    "a matrix of three bits": lambda p: put(dense(p).matrices[0].part[0], "bits", 3),
    "a matrix in no parts": lambda p: put(dense(p).matrices[0], "parts", 0),
    "a shift of 63": lambda p: put(int32s(dense(p).requantiser.positive_shift, 1), 0, 63),
    "a shift of 0": lambda p: put(int32s(dense(p).requantiser.negative_shift, 1), 0, 0),
    "an order beyond the image": lambda p: put(int32s(p.image_order, 1), 0, 999),
    "a step of nothing": lambda p: put(p, "image_step", 0.0),
    "a step that is no number": lambda p: put(p, "latent_step", float("nan")),
    "a limit of nothing": lambda p: put(p, "measurement_limit", 0),
}


def test_the_unchanged_plan_is_taken():
    assert integer_status(lambda plan: None) == 0


@pytest.mark.parametrize("name", INTEGER_WRONG)
def test_an_integer_plan_with_a_wrong_number_is_refused(name):
    assert integer_status(INTEGER_WRONG[name]) == BAD_ARGUMENT


def test_more_rows_at_a_time_than_any_engine_asks_for_are_refused(monkeypatch):
    monkeypatch.setattr(integer_kernels, "rows_at_a_time", lambda plan: 2**62)
    with pytest.raises(NativeError, match="an argument is out of its range"):
        integer_kernels.IntegerKernels(integer_plan())


@pytest.mark.parametrize("sizes", [(130, 9), (65, 64), (3, 200)])
def test_maps_of_many_pixels_are_resized_one_axis_after_the_other(sizes):
    """Planes of indices for 65 x 64 to 130 x 128 would take 276 MB; lines take kilobytes."""
    node = Node("Resize", ("in",), "out", {"sizes": sizes, "mode": "linear"})
    program = Program("resize", {"in": (2, 65, 64)}, "out", [node], {})
    compiled = compile_programs(*as_prior(program))
    kept = sum(array.nbytes for array in compiled.plan._kept if isinstance(array, np.ndarray))
    assert kept < 20_000
    assert_engines_agree(NativeFloatEngine(*as_prior(program)), program, 2)
