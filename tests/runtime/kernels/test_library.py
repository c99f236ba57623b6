"""Loading the native library, choosing its kernel and its threads."""

import ctypes
import ctypes.util
import os
import platform
import subprocess
import sys
import time

import pytest

from bitprior_runtime.errors import UsageError
from bitprior_runtime.kernels import NativeError, library
from bitprior_runtime.kernels.pool import Pool


@pytest.fixture
def elsewhere(monkeypatch):
    """Look for the library at another path; forget it afterwards."""

    def look(path):
        monkeypatch.setenv("BITPRIOR_NATIVE_LIBRARY", str(path))
        library.library.cache_clear()

    yield look
    library.library.cache_clear()


def test_the_plainest_kernel_runs_everywhere_and_the_widest_is_chosen(monkeypatch):
    monkeypatch.delenv("BITPRIOR_KERNEL", raising=False)
    assert library.problem() is None
    assert library.kernels()[0] == "scalar"
    assert library.kernel_name(library.choose_kernel()) == library.kernels()[-1]


def test_the_names_are_those_of_the_library():
    names = [library.library().bp_isa_name(isa).decode() for isa in range(len(library._NAMES))]
    assert tuple(names) == library._NAMES
    assert library.library().bp_isa_name(len(names)) is None


def test_a_kernel_this_cpu_can_run_was_built_for_its_machine():
    built = {name for isa, name in enumerate(library._NAMES) if library.library().bp_isa_built(isa)}
    assert set(library.kernels()) <= built
    assert built == {
        "x86_64": {"scalar", "avx2", "avx512vnni"},
        "aarch64": {"scalar", "neon", "sdot"},
    }.get(platform.machine())


def test_the_environment_forces_a_kernel(monkeypatch):
    monkeypatch.setenv("BITPRIOR_KERNEL", "scalar")
    assert library.kernel_name(library.choose_kernel()) == "scalar"


@pytest.mark.parametrize("name", ["sse9", "avx2", "avx512vnni", "neon", "sdot"])
def test_a_kernel_this_cpu_lacks_is_refused(monkeypatch, name):
    monkeypatch.setattr(library, "kernels", lambda: ("scalar",))
    with pytest.raises(UsageError, match=r"can run: scalar; found '" + name):
        library.choose_kernel(name)


def test_threads_come_from_the_argument_then_the_environment(monkeypatch):
    monkeypatch.delenv("BITPRIOR_THREADS", raising=False)
    assert library.choose_threads() == 1
    monkeypatch.setenv("BITPRIOR_THREADS", "3")
    assert library.choose_threads() == 3
    assert library.choose_threads(2) == 2


@pytest.mark.parametrize("threads", ["0", "-1", "257", "many", ""])
def test_a_wrong_number_of_threads_is_refused(monkeypatch, threads):
    monkeypatch.setenv("BITPRIOR_THREADS", threads)
    with pytest.raises(UsageError, match="1 to 256 threads"):
        library.choose_threads()


def test_a_missing_library_is_no_kernels_and_a_reason(elsewhere, tmp_path):
    elsewhere(tmp_path / "none.so")
    assert library.kernels() == ()
    assert library.problem() == "they were not built"
    with pytest.raises(NativeError, match="python hatch_build"):
        library.choose_kernel()


def test_a_library_of_another_machine_is_refused(elsewhere, tmp_path):
    (tmp_path / "_native.so").write_bytes(b"\x7fELF\x02\x01" + bytes(100))
    elsewhere(tmp_path / "_native.so")
    assert library.problem() is not None


def test_a_library_of_another_interface_is_refused(elsewhere, monkeypatch):
    elsewhere(library.path())
    monkeypatch.setattr(library, "INTERFACE", 0)
    assert library.problem() == str(found_interface())


def found_interface():
    return ctypes.CDLL(str(library.path())).bp_interface()


def test_a_library_without_an_interface_is_refused(elsewhere):
    elsewhere(ctypes.util.find_library("m"))
    assert library.problem() is not None


@pytest.mark.parametrize("status", [1, 2, 3, 99])
def test_an_error_code_becomes_an_error_that_names_the_task(status):
    library.check(0, "nothing")
    with pytest.raises(NativeError, match="expected the gradient"):
        library.check(status, "the gradient")


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_pool_starts_and_ends(threads):
    before = len(os.listdir("/proc/self/task"))
    pool = Pool(threads)
    assert len(os.listdir("/proc/self/task")) == before + threads - 1
    del pool
    # The kernel may list a thread a moment longer than it can be joined.
    for _ in range(500):
        if len(os.listdir("/proc/self/task")) == before:
            break
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/task")) == before


@pytest.mark.parametrize("threads", [0, 257])
def test_a_pool_of_no_threads_or_too_many_is_refused(threads):
    with pytest.raises(NativeError, match="out of its range"):
        Pool(threads)


def test_the_library_is_loaded_only_when_asked_for():
    code = "import bitprior_runtime; print('_native' in open('/proc/self/maps').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
