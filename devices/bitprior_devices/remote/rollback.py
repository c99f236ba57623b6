"""Return to the release before."""

from __future__ import annotations

from typing import Any

from bitprior_devices.remote import service
from bitprior_devices.remote.deploy import announce, replay
from bitprior_devices.remote.durable import point_link
from bitprior_devices.remote.layout import layout_of
from bitprior_devices.remote.lock import locked
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import linked, verify_release
from bitprior_devices.remote.signed import check_signature, required_signers
from bitprior_devices.remote.wire import Wire


def rollback(request: dict[str, Any], wire: Wire) -> dict[str, Any]:
    """Check the previous release as a deploy would, and make it current.

    A second rollback returns to where the first began.

    Raises:
        RefusalError: There is none, or it does not replay; nothing changed.
    """
    layout = layout_of(request["root"])
    if not layout.releases.is_dir():
        raise RefusalError(f"a deployed bundle in {layout.root}", "nothing", "deploy one first")
    announce(wire, "lock")
    with locked(layout, request["who"]):
        current, previous = linked(layout.current), linked(layout.previous)
        if previous is None or (current is not None and previous.name == current.name):
            raise RefusalError("a release before this one", "none", "deploy the one you want")
        announce(wire, "signature")
        signer = check_signature(previous, required_signers(request["demand"]))
        announce(wire, "verify")
        release = verify_release(layout, previous)
        announce(wire, "replay")
        result = replay(layout, previous, release)
        announce(wire, "current")
        point_link(layout.current, f"releases/{previous.name}")
        announce(wire, "previous")
        if current is not None:
            point_link(layout.previous, f"releases/{current.name}")
        service.restart_installed()
    return {
        "release": previous.name,
        "previous": None if current is None else current.name,
        "replay": result,
        "signer": signer,
    }
