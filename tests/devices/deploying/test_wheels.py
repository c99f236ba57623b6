"""Which wheels a board gets, and a board that has nothing but python3."""

import subprocess
import zipfile

import pytest

from bitprior_devices.commands import deploy as verb
from bitprior_devices.deploying import deploy, pack, parcel, wheels
from bitprior_devices.deploying.wheels import Platform, gather_wheels, own_wheel, platform_of
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote.environment import environment_digest
from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.release import linked, read_release
from bitprior_devices.ssh import Destination
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import BitpriorError
from bitprior_runtime.version import __version__
from builders import loopback
from builders.wheels import OURS, folder_of, make_wheels, zip_packages

PI = {"machine": "aarch64", "bits": 64, "libc": "glibc 2.19", "python": {"version": "3.11.2"}}
ARM = Platform("aarch64", (3, 11), 19)


def test_a_boards_facts_give_its_platform_and_all_older_tags():
    assert platform_of(PI) == ARM
    assert ARM.tags == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "linux_aarch64",
    ]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"python": {"version": "3.10.12"}}, "3.10"),  # JetPack 6
        ({"bits": 32, "machine": "armv7l"}, "32 bits"),
        ({"libc": ""}, "another libc"),
    ],
)
def test_a_board_no_wheels_are_built_for_is_refused(change, found):
    with pytest.raises(DeviceRefusedError, match=found):
        platform_of({**PI, **change})


def test_a_wheel_for_another_architecture_is_refused_with_how_to_build_one(tmp_path):
    name = f"bitprior-{__version__}-py3-none-linux_x86_64.whl"
    (tmp_path / name).touch()
    with pytest.raises(DeviceRefusedError, match="aarch64-linux-gnu-gcc") as caught:
        own_wheel(tmp_path, ARM)
    assert name in caught.value.found
    assert caught.value.exit_code == 5
    with pytest.raises(DeviceRefusedError, match="found none"):
        own_wheel(tmp_path / "none", ARM)


def test_a_wheel_with_native_kernels_is_preferred_to_a_pure_one(tmp_path):
    for tag in ("any", "linux_aarch64", "linux_x86_64"):
        (tmp_path / f"bitprior-{__version__}-py3-none-{tag}.whl").touch()
    assert own_wheel(tmp_path, ARM).name.endswith("linux_aarch64.whl")
    assert own_wheel(tmp_path, Platform("riscv64", (3, 11), 36)).name.endswith("any.whl")


@pytest.fixture
def dist(tmp_path, monkeypatch):
    """A folder with a wheel for an arm64 board; what pip downloads goes under tmp_path."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / f"bitprior-{__version__}-py3-none-linux_aarch64.whl").write_bytes(b"wheel")
    return folder


def test_pip_downloads_the_other_wheels_for_the_board_once(dist, monkeypatch):
    commands = []

    def download(command, **_):
        commands.append(command)
        folder = command[command.index("--dest") + 1]
        for name in ("numpy.whl", "bitprior.whl"):
            open(f"{folder}/{name}", "w").close()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(wheels.subprocess, "run", download)
    first = gather_wheels(dist, ARM)
    assert [path.name for path in first] == ["bitprior.whl", "numpy.whl"]
    assert gather_wheels(dist, ARM) == first
    (command,) = commands
    assert {"--only-binary=:all:", "--platform=manylinux_2_17_aarch64", "--abi=cp311"} < set(
        command
    )
    assert command[-1] == str(next(dist.iterdir()))


def test_a_download_that_fails_says_what_pip_said_and_is_tried_again(dist, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "noise\nERROR: No matching distribution\n")
    monkeypatch.setattr(wheels.subprocess, "run", lambda *_, **__: failed)
    for _ in range(2):
        with pytest.raises(BitpriorError, match="ERROR: No matching distribution"):
            gather_wheels(dist, ARM)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(dist.parent))
    with pytest.raises(BitpriorError, match="pip to find all wheels"):
        gather_wheels(dist, ARM)
    assert (dist.parent / ".cache/bitprior/wheels").is_dir()


def test_a_wrong_architecture_is_exit_status_5_and_nothing_is_sent(
    board, dist, bundle_path, tmp_path, capsys
):
    (dist / f"bitprior-{__version__}-py3-none-linux_aarch64.whl").rename(
        dist / f"bitprior-{__version__}-py3-none-linux_s390x.whl"
    )
    root = tmp_path / "root"
    flags = [*board.flags, "--root", str(root), "--offline", "--wheels", str(dist)]
    assert run(["deploy", str(bundle_path), "board", *flags]) == 5
    assert "linux_s390x.whl" in capsys.readouterr().err
    assert not root.exists()


def test_a_board_with_nothing_but_python_gets_its_packages_too(
    tmp_path, two_bundles, monkeypatch, capsys
):
    if loopback.MISSING:
        pytest.skip(loopback.MISSING)
    folder = tmp_path / "wheels"
    folder.mkdir()
    made = make_wheels(folder)
    monkeypatch.setattr(verb, "gather_wheels", lambda *_: made)
    with loopback.loopback_board(tmp_path / "board", bare=True) as board:
        layout = Layout(board.root)
        assert run(["deploy", str(two_bundles[0]), "board", *board.flags]) == 5
        assert "--offline" in capsys.readouterr().err
        assert run(["deploy", str(two_bundles[0]), "board", *board.flags, "--offline"]) == 0
        assert "3 golden cases replayed there" in capsys.readouterr().out
        release = read_release(linked(layout.current))
        site = release.site(layout)
        assert (site / "numpy").is_dir()
        assert not (site / "x-1.data").exists()
        assert run(["deploy", str(two_bundles[1]), "board", *board.flags, "--offline"]) == 0
        assert [entry.name for entry in layout.environments.iterdir()] == [release.environment]
        assert run(["rollback", "board", *board.flags]) == 0


@pytest.mark.usefixtures("here")
def test_wheels_are_unpacked_once_and_again_if_that_was_cut(layout, two_bundles, tmp_path):
    wheel = zip_packages(tmp_path / "x-1-any.whl", map(folder_of, OURS))
    parcels = [pack(bundle, [wheel]) for bundle in two_bundles]
    digest = environment_digest(list(parcels[0].wheels))
    half = layout.incoming / digest / "site/half"
    half.mkdir(parents=True)
    sent = [
        deploy(parcel, Destination("here"), lambda step: None, root=str(layout.root)).sent
        for parcel in parcels
    ]
    assert sent[0] == sum(file.size for file in (*parcels[0].files, *parcels[0].wheels))
    assert sent[1] == sum(file.size for file in parcels[1].files)
    assert [entry.name for entry in layout.environments.iterdir()] == [digest]
    assert {entry.name for entry in (layout.environments / digest).iterdir()} >= {*OURS}
    assert not (layout.environments / digest / "half").exists()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["../evil.py", "/tmp/evil.py", "a\\..\\evil.py", None])
def test_a_wheel_that_would_write_elsewhere_or_is_none_is_refused(
    name, layout, bundle_path, tmp_path, monkeypatch
):
    wheel = tmp_path / "evil-1-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(name or "x", "x")
    if name is None:
        wheel.write_bytes(b"no zip file")
        monkeypatch.setattr(parcel, "_unpacked", lambda _: 0)
    packed = pack(bundle_path, [wheel])
    with pytest.raises(DeviceRefusedError, match="a wheel evil-1-any"):
        deploy(packed, Destination("here"), lambda step: None, root=str(layout.root))
    assert not list(tmp_path.rglob("evil.py"))
    assert linked(layout.current) is None
