"""``bitprior rollback``: the release before."""

from dataclasses import asdict

from bitprior_devices.commands.options import (
    BoardArgument,
    ProfilesOption,
    TargetOption,
)
from bitprior_devices.deploying import demand_of, rollback
from bitprior_devices.progress import show_step
from bitprior_devices.ssh import parse_destination
from bitprior_runtime.cli.elsewhere import RootOption, SshConfigOption
from bitprior_runtime.cli.output import JsonFlag, emit


def run(
    board: BoardArgument,
    target: TargetOption = None,
    profiles: ProfilesOption = None,
    root: RootOption = None,
    ssh_config: SshConfigOption = None,
    json: JsonFlag = False,
) -> None:
    """Return to the release that was in use before, checked as a deploy would."""
    demand = demand_of(target, profiles)
    done = rollback(parse_destination(board, ssh_config), show_step, root, demand)
    line = (
        f"Rolled back {board} to {done.release[:12]}, {done.replay['cases']} golden cases replayed"
    )
    emit(asdict(done), line, json)
