"""The host's side of a deploy."""

from bitprior_devices.deploying.parcel import Parcel, pack
from bitprior_devices.deploying.policy import Demand, demand_of
from bitprior_devices.deploying.sending import Deployed, deploy, rollback

__all__ = ["Demand", "Deployed", "Parcel", "demand_of", "deploy", "pack", "rollback"]
