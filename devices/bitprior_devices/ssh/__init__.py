"""Boards over the system's OpenSSH: strict host keys, fixed commands, data over stdin."""

from bitprior_devices.ssh.connection import Conversation, converse
from bitprior_devices.ssh.destination import Destination, parse_destination
from bitprior_devices.ssh.host_keys import accept_host_key

__all__ = ["Conversation", "Destination", "accept_host_key", "converse", "parse_destination"]
