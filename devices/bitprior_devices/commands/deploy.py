"""``bitprior deploy``: a bundle onto a board, checked there."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bitprior_devices.commands.options import (
    AcceptOption,
    BoardArgument,
    ProfilesOption,
    TargetOption,
)
from bitprior_devices.deploying import Deployed, demand_of, deploy, pack
from bitprior_devices.deploying.wheels import gather_wheels, platform_of
from bitprior_devices.probing import ask_facts
from bitprior_devices.progress import show_step
from bitprior_devices.ssh import accept_host_key, parse_destination
from bitprior_runtime.cli.elsewhere import RootOption, SshConfigOption
from bitprior_runtime.cli.output import JsonFlag, emit


def run(
    bundle: Annotated[Path, typer.Argument(help="A .bitprior file.")],
    board: BoardArgument,
    accept: AcceptOption = None,
    python: Annotated[
        str | None, typer.Option(help="The board's Python that has bitprior; default: python3.")
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Send bitprior's packages too: the board has only python3."),
    ] = False,
    wheels: Annotated[
        Path, typer.Option(help="--offline: folder of bitprior's wheel for the board.")
    ] = Path("dist"),
    target: TargetOption = None,
    profiles: ProfilesOption = None,
    service: Annotated[
        bool, typer.Option("--service", help="Serve it with a systemd user unit.")
    ] = False,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonFlag = False,
) -> None:
    """Send a bundle, replay its golden cases on the board, then bring it into use."""
    destination = parse_destination(board, ssh_config)
    demand = demand_of(target, profiles)
    parcel = pack(bundle, [])  # before any connection: a damaged bundle is not the board's fault
    if accept is not None:
        accept_host_key(destination, accept)
    if offline:
        facts = ask_facts(destination, show_step, root)
        parcel = pack(bundle, gather_wheels(wheels, platform_of(facts)))
    done = deploy(
        parcel, destination, show_step, demand=demand, root=root, python=python, service=service
    )
    emit(asdict(done), _line(parcel.name, board, done), json)


def _line(name: str, board: str, done: Deployed) -> str:
    replay = done.replay
    verb = "Deployed" if done.changed else "Already current:"
    signed = f", signed by {done.signer}" if done.signer else ""
    before = f"; rollback returns to {done.previous[:12]}" if done.previous else ""
    return (
        f"{verb} {name} to {board} as {done.release[:12]}, {done.sent / 1e3:,.1f} kB sent; "
        f"{replay['cases']} golden cases replayed there (bitprior {replay['bitprior']}, "
        f"{replay['kernel']} kernels){signed}{before}"
    )
