"""The host's side of a deploy."""

from bitprior_devices.deploying.deploy import Deployed, deploy, rollback
from bitprior_devices.deploying.parcel import Parcel, pack

__all__ = ["Deployed", "Parcel", "deploy", "pack", "rollback"]
