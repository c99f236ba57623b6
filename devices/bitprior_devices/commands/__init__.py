"""Verbs of the devices house."""

import typer

from bitprior_devices.commands import deploy, devices, probe, rollback
from bitprior_devices.remote_work import run_there
from bitprior_devices.serve.command import serve
from bitprior_runtime.cli.elsewhere import offer_runner
from bitprior_runtime.cli.verbs import add_verb


def register(app: typer.Typer) -> None:
    """Add the verbs, and ``--on`` to those of the runtime."""
    offer_runner(run_there)
    add_verb(app, "devices", devices.run, extra="devices", packages=())
    add_verb(app, "probe", probe.run, extra="devices", packages=())
    add_verb(app, "deploy", deploy.run, extra="devices", packages=())
    add_verb(app, "rollback", rollback.run, extra="devices", packages=())
    add_verb(app, "serve", serve, extra="devices", packages=())
