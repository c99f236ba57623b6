"""A whole emulated machine, from first contact to rollback, by the tutorial of docs/boards.md."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from bitprior_export.bundle.writer import write_bundle
from builders import boards, machine, tutorial
from builders.mnist_sized import mnist_sized

pytestmark = [
    pytest.mark.board,
    pytest.mark.skipif(bool(machine.missing()), reason=machine.missing() or "all is there"),
]
MACHINES = {"512MB": (512, "cortex-a53"), "1GB": (1024, "cortex-a72")}
# Of a recovery, in bytes; see docs/boards.md.
PEAK = 80e6
MEASURE = """
import json, os, runpy, sys
root = os.path.expanduser("~/.local/share/bitprior")
with open(root + "/current/release.json") as file:
    release = json.load(file)
sys.path.insert(0, root + "/environments/" + release["environment"])
sys.argv = ["bitprior", "recover", root + "/current/model.bitprior", "y.npy"]
sys.argv += ["--engine", "ENGINE", "--out", "/tmp/x.npy"]
try:
    runpy.run_module("bitprior_runtime", run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code, end.code
with open("/proc/self/status") as file:
    print([line.split()[1] for line in file if line.startswith("VmHWM:")][0])
"""


@pytest.fixture(scope="module", params=MACHINES)
def booted(request, tmp_path_factory, say):
    """The machine, switched off when all tests of it are done."""
    megabytes, core = MACHINES[request.param]
    with machine.booted(tmp_path_factory.mktemp("machine"), megabytes, core) as running:
        say(f"{request.param} {core}: boot {running.boot_seconds:.1f} s")
        yield running


@pytest.fixture(scope="module")
def say(request):
    """Print past pytest's capturing: each command's time is a result of this test."""
    plugins = request.config.pluginmanager
    capturing, reporter = plugins.getplugin("capturemanager"), plugins.getplugin("terminalreporter")

    def print_line(text):
        with capturing.global_and_fixture_disabled():
            reporter.write_line(f"  {text}")

    return print_line


@pytest.fixture(scope="module")
def fingerprint():
    key = machine.folder() / "host_key.pub"
    listed = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True)
    return listed.stdout.split()[1]


@pytest.fixture(scope="module")
def folder(booted, tmp_path_factory):
    """What the tutorial begins with: two bundles, a measurement, wheels."""
    folder = tmp_path_factory.mktemp("tutorial")
    for bits in (4, 2):
        bundle = mnist_sized(bits, steps=10)
        write_bundle(folder / f"mnist-{bits}bit.bitprior", bundle)
        np.save(folder / "y.npy", bundle.golden.measurements[:2])
    shutil.copytree(boards.FOLDER / "dist", folder / "dist")
    return folder


@pytest.fixture(scope="module")
def steps(booted, folder, fingerprint, say):
    """The tutorial's commands, by what they do, after all of them ran."""
    done = []
    for step in tutorial.follow(folder, booted.config, fingerprint):
        say(f"{step.seconds:6.1f} s  {step.command}")
        done.append(step)
        assert step.status == 0 or len(done) == 1, step.out + step.err
        if "--on" in step.command or "deploy" in step.command:
            say(f"          {step.out.splitlines()[0]}")
    names = ("contact", "probe", "deploy", "recover", "here", "cmp", "bench", "replace", "rollback")
    return dict(zip(names, done, strict=True))


def test_the_first_contact_shows_the_machines_fingerprint_and_stops(steps, fingerprint):
    assert steps["contact"].status == 4
    assert fingerprint in steps["contact"].err


def test_the_accepted_key_is_the_only_one_that_is_known_then(booted, steps):
    known = booted.known_hosts.read_text("ascii").split()
    key = (machine.folder() / "host_key.pub").read_text("ascii").split()
    assert known == [machine.HOST, *key[:2]]


def test_the_probe_says_what_the_machine_is_and_that_it_has_no_packages_yet(steps):
    out = steps["probe"].out
    assert "aarch64" in out
    assert "64-bit" in out
    assert "No module named 'numpy'" in out


def test_the_golden_cases_were_replayed_there_on_native_kernels(steps):
    for name in ("deploy", "replace"):
        assert "4 golden cases replayed there" in steps[name].out
        assert "native kernels" in steps[name].out


def test_the_second_deploy_sends_no_packages_again(steps):
    assert _kilobytes_sent(steps["deploy"]) > 10_000
    assert _kilobytes_sent(steps["replace"]) < 10_000


def _kilobytes_sent(step):
    return float(step.out.partition(" kB sent")[0].split()[-1].replace(",", ""))


def test_the_recovered_file_is_this_machines_byte_for_byte(steps, folder):
    there, here = (folder / f"{name}.npy" for name in ("there", "here"))
    assert np.load(there).shape == (2, 1, 28, 28)
    assert there.read_bytes() == here.read_bytes()
    assert "integer/native" in steps["recover"].out


def test_the_benchmark_timed_the_native_kernels_there(steps):
    row = next(line for line in steps["bench"].out.splitlines() if "integer/native" in line)
    assert len(row.split()) == 8


def test_after_the_rollback_the_first_bundle_is_in_use(booted, steps, folder):
    root = ".local/share/bitprior"
    release = json.loads(booted.ssh(f"cat {root}/current/release.json"))
    (bundle,) = (file for file in release["files"] if file["path"] == "model.bitprior")
    assert bundle["size"] == (folder / "mnist-4bit.bitprior").stat().st_size
    assert (
        booted.ssh(f"cd {root}/current && sha256sum model.bitprior").split()[0]
        == (bundle["sha256"])
    )


@pytest.mark.parametrize("engine", ["float", "integer"])
def test_a_recovery_there_takes_at_most_80_mb(engine, booted, steps, folder, say):
    booted.ssh("cat >y.npy", data=(folder / "y.npy").read_bytes())
    printed = booted.ssh("python3 -", data=MEASURE.replace("ENGINE", engine).encode("ascii"))
    peak = int(printed.split()[-1]) * 1024
    say(f"peak resident memory of a recovery, {engine}: {peak / 1e6:.1f} MB")
    assert peak <= PEAK


def test_the_machine_switches_off_cleanly(booted, steps):
    assert booted.switch_off() == 0
    assert "Power down" in booted.console.read_text("utf-8", "replace")
