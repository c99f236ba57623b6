"""One distribution, four packages: wheel, sdist and editable install all carry them whole."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
NATIVE = Path("bitprior_runtime/kernels/_native.so")
HOUSES = ("train", "export", "runtime", "devices")
PACKAGES = [f"bitprior_{house}" for house in HOUSES]
CONSUMER = """\
from bitprior_runtime import load
import bitprior_devices, bitprior_export, bitprior_train

reveal_type(load)
wrong: int = load("a.bitprior")
"""


def run(*command, cwd, **options):
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sources():
    """Every file of the four packages, as it must stand in a wheel."""
    return {
        str(path.relative_to(ROOT / house))
        for house in HOUSES
        for path in (ROOT / house / f"bitprior_{house}").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != NATIVE.name
    }


def wheel(out, **environment):
    """Build a wheel from the source tree into ``out``."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", out, ROOT]
    run(*command, cwd=ROOT, env={**os.environ, **environment})
    (path,) = out.glob("*.whl")
    return path


def packaged(path):
    """Names of the files in a wheel that get installed."""
    return {name for name in zipfile.ZipFile(path).namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist, and the wheel built from the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=ROOT)
    (sdist,) = out.glob("*.tar.gz")
    (from_sdist,) = out.glob("*.whl")
    return sdist, from_sdist, wheel(out / "direct")


@pytest.mark.parametrize("which", [1, 2], ids=["sdist to wheel", "wheel"])
def test_the_wheel_holds_every_source_file_the_native_kernels_and_nothing_else(built, which):
    assert packaged(built[which]) == sources() | {str(NATIVE)}
    assert built[which].name.endswith(f"-py3-none-linux_{platform.machine()}.whl")
    names = zipfile.ZipFile(built[which]).namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.parametrize(
    "environment",
    [{"BITPRIOR_NO_NATIVE": "1"}, {"CC": "no-such-compiler"}, {"CC": "false"}],
    ids=["switched off", "no compiler", "broken compiler"],
)
def test_without_native_kernels_the_wheel_is_pure_and_whole(tmp_path, environment):
    pure = wheel(tmp_path, **environment)
    assert packaged(pure) == sources()
    assert pure.name.endswith("-py3-none-any.whl")


CROSS = "aarch64-linux-gnu-gcc"


@pytest.mark.skipif(shutil.which(CROSS) is None, reason=f"needs {CROSS}")
def test_a_cross_compiler_builds_the_wheel_of_its_machine(tmp_path):
    crossed = wheel(tmp_path, CC=CROSS)
    assert crossed.name.endswith("-py3-none-linux_aarch64.whl")
    library = zipfile.ZipFile(crossed).read(str(NATIVE))
    # ELF, 64 bits, little-endian; machine 183 is EM_AARCH64.
    assert library[:6] == b"\x7fELF\x02\x01"
    assert int.from_bytes(library[18:20], "little") == 183


def test_the_wheel_is_typed_and_small(built):
    names = zipfile.ZipFile(built[2]).namelist()
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert built[2].stat().st_size < 8e6  # half of it are the zoo's priors


def test_the_sdist_holds_tests_and_no_data(built):
    with tarfile.open(built[0]) as archive:
        names = archive.getnames()
    assert any(name.endswith("tests/test_tiny.py") for name in names)
    assert any(name.endswith("runtime/native/isa.c") for name in names)
    assert not any(name.endswith(NATIVE.name) for name in names)
    assert not any(name.endswith((".npz", ".pt")) for name in names)


@pytest.fixture(scope="module")
def core(built, tmp_path_factory):
    """A venv with the wheel and the core dependencies alone, as on a board."""
    folder = tmp_path_factory.mktemp("core")
    run(sys.executable, "-m", "venv", folder, cwd=ROOT)
    constraints = ROOT / "constraints.txt"
    run(folder / "bin/pip", "install", "--quiet", "--constraint", constraints, built[2], cwd=folder)
    return folder / "bin"


def test_all_four_packages_import_without_torch(core, tmp_path):
    code = f"import {', '.join(PACKAGES)}, sys; print(sorted(sys.modules))"
    modules = run(core / "python", "-c", code, cwd=tmp_path)
    assert "'torch'" not in modules
    assert "'onnx'" not in modules


def test_a_core_install_recovers_an_image(core, tmp_path):
    from bitprior_export.bundle.writer import write_bundle
    from builders.bundles import tiny_bundle

    bundle = tmp_path / "tiny.bitprior"
    write_bundle(bundle, tiny_bundle())
    installed = run(core / "pip", "list", "--format=freeze", cwd=tmp_path)
    assert "torch" not in installed
    assert "onnx" not in installed
    run(core / "python", "-c", WRITE_IMAGE, cwd=tmp_path)
    run(core / "bitprior", "sense", bundle, "x.npy", "--out", "y.npy", cwd=tmp_path)
    line = run(core / "bitprior", "recover", bundle, "y.npy", "--out", "x.png", cwd=tmp_path)
    assert line.startswith("Recovered 1 image")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    run(core / "bitprior", "verify", bundle, cwd=tmp_path)
    assert "ok native kernels" in run(core / "bitprior", "doctor", cwd=tmp_path)


@pytest.mark.parametrize("engine", ["float", "integer"])
def test_a_core_install_recovers_with_a_cut_4_bit_prior(cut_prior, core, tmp_path, engine):
    write = "import numpy; numpy.save('x.npy', numpy.full((1, 3, 64, 64), 0.5, 'float32'))"
    run(core / "python", "-c", write, cwd=tmp_path)
    run(core / "bitprior", "sense", cut_prior, "x.npy", "--out", "y.npy", cwd=tmp_path)
    recover = [core / "bitprior", "recover", cut_prior, "y.npy", "--engine", engine]
    line = run(*recover, "--steps", "5", "--out", "x.png", cwd=tmp_path)
    assert line.startswith("Recovered 1 image")
    assert f"lbfgs, 5 steps, {engine}/native" in line


@pytest.fixture(scope="module")
def cut_prior(tmp_path_factory):
    """BEGAN, 4 bits, cut behind its first stage: two latents, one of which skips ahead."""
    from bitprior_export.exporter import ExportOptions, export_run
    from builders.prior_runs import make_prior_run

    folder = tmp_path_factory.mktemp("prior")
    prior = make_prior_run(folder / "run", "began")
    options = ExportOptions(cut="2")
    return export_run(prior, folder / "m.bitprior", options, sensing="gaussian:m=30").path


def test_a_core_install_recovers_with_a_prior_of_the_zoo(core, tmp_path):
    listed = run(core / "bitprior", "zoo", cwd=tmp_path).splitlines()
    assert len(listed) == len(list((ROOT / "runtime/bitprior_runtime/zoo").glob("*.bitprior"))) >= 2
    run(core / "python", "-c", WRITE_DIGIT, cwd=tmp_path)
    name = listed[0].split(":")[0]
    run(core / "bitprior", "sense", name, "x.npy", "--out", "y.npy", cwd=tmp_path)
    line = run(core / "bitprior", "recover", name, "y.npy", "--out", "x.png", cwd=tmp_path)
    assert line.startswith("Recovered 1 image")


WRITE_DIGIT = "import numpy; numpy.save('x.npy', numpy.eye(28, dtype='float32')[None, None])"
WRITE_IMAGE = "import numpy; numpy.save('x.npy', numpy.full((1, 1, 2, 3), 0.5, 'float32'))"


def test_a_core_install_shows_only_what_it_can_do(core, tmp_path):
    help_text = run(core / "bitprior", "--help", cwd=tmp_path)
    verbs = {
        line.split()[0] for line in help_text.splitlines() if line.startswith("  ") and line.split()
    }
    assert {"info", "verify", "sense", "recover", "doctor", "devices"} <= verbs
    assert not {"train", "export", "demo"} & verbs
    done = subprocess.run(
        [core / "bitprior", "train", "mnist"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert "pip install 'bitprior[train]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("install", ["editable", "wheel"])
def test_type_checkers_resolve_the_packages_from_outside(core, tmp_path, install):
    (tmp_path / "consumer.py").write_text(CONSUMER)
    python = sys.executable if install == "editable" else core / "python"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", str(python), "consumer.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "Model" in done.stdout
    assert "Incompatible types in assignment" in done.stdout
    assert "import-not-found" not in done.stdout
    assert "import-untyped" not in done.stdout
