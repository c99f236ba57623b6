"""Names that a shell, ssh or a path would read as something else: refused, or carried literally."""

import subprocess

import pytest

from bitprior_devices.deploying import deploy, pack
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote.release import BUNDLE, linked, read_release
from bitprior_devices.ssh import parse_destination
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError
from builders.board_end import LocalBoard, write_tiny

HOSTS = [
    "-oProxyCommand=touch canary",
    "-oProxyCommand=touch${IFS}canary",
    "-F/etc/passwd",
    "--",
    "-",
    "",
    " ",
    "board ",
    " board",
    "board\n",
    "board\ntouch canary",
    "board\r",
    "board\0x",
    "board\t",
    "a b",
    "a@b@c",
    "@board",
    "user@",
    "user@-oProxyCommand=touch canary",
    "-user@board",
    "board;touch canary",
    "board|touch canary",
    "board&touch canary",
    "board&&touch canary",
    "$(touch canary)",
    "`touch canary`",
    "${HOME}",
    "$HOME",
    "~root",
    "board>canary",
    "board<canary",
    "'board'",
    '"board"',
    "board'",
    'board"',
    "board\\",
    "../board",
    "/etc/passwd",
    "a/b",
    "ssh://board",
    "user:secret@board",
    "%h",
    "board%d",
    "*",
    "board?",
    "[::1]",
    "bo\u0430rd",  # a Cyrillic letter that looks like ours
    "b\u00f6ard",
    "board\u202e",
    "board\u2028x",
    "\U0001f4a5",
    "a" * 300,
]
FILES = [
    "-rf.bitprior",
    "--help.bitprior",
    "-oProxyCommand=x.bitprior",
    "a b.bitprior",
    "a\nb.bitprior",
    "a'b.bitprior",
    'a"b.bitprior',
    "a;touch canary.bitprior",
    "$(touch canary).bitprior",
    "`touch canary`.bitprior",
    "a|b&c>d.bitprior",
    "a\\b.bitprior",
    "..bitprior",
    "\u00e4\u4e2d\U0001f4a5.bitprior",
    "%s%n.bitprior",
    "*?.bitprior",
]


def test_there_are_at_least_fifty_nasty_hosts():
    assert len(set(HOSTS)) >= 50


@pytest.mark.parametrize("name", HOSTS)
def test_a_nasty_host_is_refused_before_any_program_is_started(name, monkeypatch, bundle_path):
    def start(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(UsageError, match="a board as host or user@host"):
        parse_destination(name)
    assert run(["deploy", "--", str(bundle_path), name]) == 2


@pytest.mark.parametrize(
    "name", ["board", "pi@raspberrypi.local", "a-b_c.d", "10.0.0.7", "fe80::1"]
)
def test_an_ordinary_host_stands_last_behind_a_double_dash(name):
    *_, dashes, last = parse_destination(name).command()
    assert (dashes, last) == ("--", name)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", FILES)
def test_a_nasty_file_name_never_reaches_the_board(name, tmp_path, monkeypatch, layout):
    monkeypatch.chdir(tmp_path)
    parcel = pack(write_tiny(tmp_path / name), [])
    deploy(parcel, parse_destination("here"), lambda step: None, root=str(layout.root))
    assert [file.path for file in read_release(linked(layout.current)).files] == [BUNDLE]
    assert not (tmp_path / "canary").exists()


def test_a_nasty_root_is_a_folder_of_that_very_name(tmp_path, bundle_path):
    name = "a b'c\"d$(touch canary);touch canary \u00e4-*"
    root = tmp_path / "home" / name
    root.parent.mkdir()
    board = LocalBoard(root.parent)
    deploy(pack(bundle_path, []), board, lambda step: None, root=str(root))
    assert [entry.name for entry in root.parent.iterdir()] == [name]
    assert not list(tmp_path.rglob("canary"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("python", ["-c", "$(touch canary)", "a b", "python3; touch canary"])
def test_a_nasty_python_is_a_program_that_is_not_there(
    python, tmp_path, monkeypatch, layout, bundle_path
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeviceRefusedError, match="No such file"):
        deploy(
            pack(bundle_path, []),
            parse_destination("x"),
            print,
            root=str(layout.root),
            python=python,
        )
    assert not (tmp_path / "canary").exists()
