"""The tutorial of docs/boards.md, followed to the letter."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTION = "## Tutorial: to a board"


@dataclass(frozen=True)
class Step:
    """A command that ran.

    Attributes:
        command: As it stands in the document, the fingerprint filled in.
        seconds: What it took.
        status: Its exit status.
        out: What it printed.
        err: What it printed on stderr.
    """

    command: str
    seconds: float
    status: int
    out: str
    err: str


def commands():
    """Return the tutorial's commands, in order."""
    text = (ROOT / "docs/boards.md").read_text("utf-8")
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    return re.findall(r"^\$ (.+)$", section, re.MULTILINE)


def follow(folder, config, fingerprint):
    """Run the commands in a folder, one after the other.

    Args:
        folder: Has the files the tutorial begins with.
        config: ssh configuration that would be the user's own.
        fingerprint: What the user would read on the board.
    """
    variables = {**os.environ, "PATH": f"{_programs(folder, config)}:{os.environ['PATH']}"}
    for command in commands():
        filled = command.replace("SHA256:...", fingerprint)
        began = time.perf_counter()
        done = subprocess.run(
            ["bash", "-c", filled],
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        yield Step(filled, seconds, done.returncode, done.stdout, done.stderr)


def _programs(folder, config):
    """Return a folder with this Python's ``bitprior``, and with ssh as configured for the user."""
    programs = folder / "programs"
    programs.mkdir()
    for name, words in {
        "ssh": f"{shutil.which('ssh')} -F {config}",
        "bitprior": f"{sys.executable} -m bitprior_runtime",
    }.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (programs / name).chmod(0o755)
    return programs
