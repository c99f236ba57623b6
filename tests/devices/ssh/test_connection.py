"""How a conversation with a board ends, and what is sent to begin it."""

import ast
import io
import json
import subprocess
import sys
from importlib.resources import files

import pytest

from bitprior_devices import remote
from bitprior_devices.errors import DeviceRefusedError, DeviceUnreachableError
from bitprior_devices.remote.main import answer, main
from bitprior_devices.remote.start import SentModules
from bitprior_devices.remote.wire import ConnectionLostError, Wire
from bitprior_devices.ssh import converse, host_keys, parse_destination
from bitprior_devices.ssh.destination import Destination
from bitprior_devices.ssh.program import COMMAND, payload, sources
from builders.board_end import LocalBoard

NOTHING = {"root": None, "python": None, "trials": [], "trial": ""}

# Does what the command on the board does, and prints which packages were imported for it.
_LOADED = """
import json, sys
payload = json.loads(sys.stdin.readline())
try:
    exec(payload["start"], {"payload": payload})
except SystemExit:
    print(sorted({name.split(".")[0] for name in sys.modules}))
"""


class Script:
    """A board that is a shell script."""

    name = "script"

    def __init__(self, text):
        self.text = text

    def command(self, *options):
        return ["sh", "-c", self.text, "sh"]


def ask(destination, verb="probe", arguments=NOTHING):
    with converse(destination, verb, arguments, lambda step: None) as board:
        return board.result()


def flood(destination):
    """Send until the board hangs up."""
    with converse(destination, "probe", NOTHING, lambda step: None) as board:
        while True:
            board.wire.send({"padding": "x" * 4096})


def test_the_command_the_board_sees_is_fixed_and_the_request_is_data():
    assert "python3 -I -c" in COMMAND
    line = payload({"verb": "$(touch canary)"})
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert json.loads(line)["request"] == {"verb": "$(touch canary)"}


def test_the_program_for_the_board_needs_only_the_standard_library():
    names = set(sources())
    assert {"bitprior_devices", "bitprior_devices.remote.main", "bitprior_runtime"} <= names
    start = payload({"verb": "nothing", "arguments": {}})
    done = subprocess.run(
        [sys.executable, "-I", "-c", _LOADED], input=start, capture_output=True, check=True
    )
    assert b"numpy" not in done.stdout.splitlines()[-1]
    assert b"KeyError: 'nothing'" in done.stdout


def test_what_is_sent_is_python_3_8():
    start, trial = (files(remote).joinpath(f"{name}.py").read_text() for name in ("start", "trial"))
    ast.parse(start, feature_version=(3, 8))
    for text in (*sources().values(), trial):
        ast.parse(text, feature_version=(3, 8))
        # Else annotations like ``str | None`` are worked out, which takes 3.10.
        assert "def " not in text or "from __future__ import annotations" in text


def test_a_python_that_is_too_old_is_refused(tmp_path):
    old = tmp_path / "python3"
    old.write_text(
        f"#!{sys.executable}\nimport sys\nsys.version_info = (3, 6)\nexec(sys.argv[3])\n"
    )
    old.chmod(0o755)
    with pytest.raises(DeviceRefusedError, match=r"Python 3\.8 or newer"):
        ask(LocalBoard(tmp_path, ("env", f"PATH={tmp_path}:/usr/bin:/bin")))


def test_noise_from_the_boards_shell_is_left_out(tmp_path):
    greeting = Script(f"echo Welcome; HOME={tmp_path}; export HOME; shift; {COMMAND}")
    assert ask(greeting)["facts"]["bits"] == 64


def test_a_board_without_python_is_refused():
    with pytest.raises(DeviceRefusedError, match="python3 on script") as caught:
        ask(Script("exit 127"))
    assert caught.value.exit_code == 5


def test_an_answer_that_breaks_off_says_how():
    with pytest.raises(DeviceUnreachableError, match="exit status 3: out of memory"):
        ask(Script("echo out of memory >&2; exit 3"))


def test_a_refusal_that_came_before_the_connection_closed_is_what_counts():
    error = {"error": {"expected": "a", "found": "b", "todo": "c"}}
    said = f"\\036{json.dumps(error)}\\n".replace('"', '\\"')
    board = Script(f'head -n 1 >/dev/null; printf "{said}"; exec <&-; sleep 0.3')
    with pytest.raises(DeviceRefusedError, match="expected a"):
        flood(board)


def test_an_unknown_verb_is_an_error_of_ours(tmp_path):
    with pytest.raises(DeviceRefusedError, match="KeyError: 'dance'"):
        ask(LocalBoard(tmp_path), "dance")


def test_what_goes_wrong_in_the_boards_own_program_is_said_with_its_place():
    said = io.BytesIO()
    assert answer({"verb": "dance", "arguments": {}}, Wire(io.BytesIO(), said)) == 1
    last = json.loads(said.getvalue().splitlines()[-1][1:])
    assert "KeyError: 'dance'" in last["error"]["found"]


def test_a_failing_file_system_is_a_refusal(tmp_path, monkeypatch):
    monkeypatch.setattr("bitprior_devices.remote.probe.read_facts", lambda _: tmp_path.read_text())
    said = io.BytesIO()
    assert answer({"verb": "probe", "arguments": NOTHING}, Wire(io.BytesIO(), said)) == 1
    assert b"Is a directory" in said.getvalue()


@pytest.mark.parametrize("line", [b"", b"\x1e{}"])
def test_a_program_whose_client_is_gone_just_ends(line, monkeypatch):
    stdin, stdout = io.BytesIO(line), io.BytesIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stdin))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stdout))
    gone = Wire(stdin, stdout)
    monkeypatch.setattr(
        "bitprior_devices.remote.probe.read_facts", lambda layout: gone.receive() and {}
    )
    assert main({"verb": "probe", "arguments": NOTHING}) == 1


def test_a_file_that_shrinks_while_it_is_sent_ends_the_conversation(tmp_path):
    (tmp_path / "short").write_bytes(b"abc")
    with (tmp_path / "short").open("rb") as file, (tmp_path / "out").open("wb") as out:
        with pytest.raises(ConnectionLostError, match="shorter"):
            Wire(file, out).send_bytes(file, 4)
        with pytest.raises(ConnectionLostError, match="too early"):
            list(Wire(file, out).receive_bytes(4))


def test_modules_that_were_not_sent_are_not_found():
    finder = SentModules({"a": "", "a.b": "x = 1\n"})
    assert finder.find_spec("c") is None
    assert finder.is_package("a")
    assert not finder.is_package("a.b")
    assert finder.find_spec("a.b").loader.get_source("a.b") == "x = 1\n"


def test_an_ssh_that_names_no_known_hosts_file_is_too_old(monkeypatch):
    old = subprocess.CompletedProcess([], 255, "", "unknown option -- G")
    monkeypatch.setattr(host_keys, "_run", lambda command: old)
    with pytest.raises(DeviceUnreachableError, match=r"OpenSSH to 6\.8"):
        host_keys._known_hosts(Destination("board"))


def test_a_complaint_without_words_is_no_answer():
    assert "no answer" in str(host_keys.unreachable(parse_destination("board"), "\n"))


def test_a_known_hosts_file_without_a_last_newline_is_not_torn(tmp_path):
    path = tmp_path / "ssh/known_hosts"
    host_keys._append(path, "a key")
    path.write_text("a key")
    host_keys._append(path, "b key")
    host_keys._append(path, "b key")
    assert path.read_text() == "a key\nb key\n"
    assert path.parent.stat().st_mode & 0o077 == 0
