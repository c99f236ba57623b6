"""The host's side of a deploy."""

from bitprior_devices.deploying.parcel import Parcel, pack
from bitprior_devices.deploying.sending import Deployed, deploy, rollback

__all__ = ["Deployed", "Parcel", "deploy", "pack", "rollback"]
