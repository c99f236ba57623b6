"""A systemd user unit that serves the current release.

Camera, address and token are the board's own business: ``~/.config/bitprior/serve.env`` there may
set BITPRIOR_CAMERA, BITPRIOR_HOST and BITPRIOR_TOKEN.
"""

from __future__ import annotations

import re
from pathlib import Path

from bitprior_devices.remote.child import run_child
from bitprior_devices.remote.durable import write_file
from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import SITE, Release

NAME = "bitprior.service"
# What needs no quoting in a unit file.
_PLAIN = re.compile(r"[A-Za-z0-9/._+@-]+")

_UNIT = """\
[Unit]
Description=bitprior: recover images from measurements

[Service]
EnvironmentFile=-%h/.config/bitprior/serve.env
{environment}ExecStart={python} -m bitprior_runtime serve {root}/current/model.bitprior
Restart=on-failure
RestartSec=5

[Install]
WantedBy=default.target
"""


def check(layout: Layout) -> None:
    """Check, before any work, that a service can be installed.

    Raises:
        RefusalError: No systemd of this user, or a root a unit file cannot name.
    """
    if not _PLAIN.fullmatch(str(layout.root)):
        raise RefusalError("a --root of letters, digits and /._+@-", str(layout.root), "change it")
    ended = _systemctl("show-environment")
    if ended is not None:
        raise RefusalError(
            "a systemd of this user, for --service",
            ended,
            "run on the board: loginctl enable-linger, or deploy without --service",
        )


def unit(layout: Layout, release: Release) -> str:
    """Return the unit file.

    Raises:
        RefusalError: The name of the Python cannot stand in a unit file.
    """
    if not _PLAIN.fullmatch(release.python):
        raise RefusalError("a --python of letters, digits and /._+@-", release.python, "change it")
    packages = f"Environment=PYTHONPATH={layout.current / SITE}\n"
    environment = "" if release.environment is None else packages
    return _UNIT.format(environment=environment, python=release.python, root=layout.root)


def install(layout: Layout, release: Release) -> None:
    """Write the unit and (re)start it.

    Raises:
        RefusalError: systemd refuses; the release is current all the same.
    """
    path = _place()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, unit(layout, release).encode("ascii"))
    for arguments in (("daemon-reload",), ("enable", NAME), ("restart", NAME)):
        _insist(*arguments)


def restart_installed() -> None:
    """Restart the service, if there is one: it goes on with the release that is current now.

    Raises:
        RefusalError: systemd refuses; the release is current all the same.
    """
    if _place().is_file():
        _insist("restart", NAME)


def _place() -> Path:
    return Path.home() / ".config/systemd/user" / NAME


def _insist(*arguments: str) -> None:
    failed = _systemctl(*arguments)
    if failed is not None:
        raise RefusalError(
            f"systemctl --user {' '.join(arguments)} to work",
            failed,
            "the bundle is in use; look at: journalctl --user -u bitprior",
        )


def _systemctl(*arguments: str) -> str | None:
    """Return why it failed, None if it did not."""
    ended = run_child(["systemctl", "--user", *arguments], None, seconds=60)
    return None if ended.status == 0 else ended.reason
