"""First code on the board: makes the modules that were sent importable, and runs ``main``.

It is executed with ``payload`` among its globals: ``modules``, sources by name, and ``request``.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from typing import Any, Dict  # noqa: UP035 - the board's Python may be older than ours


class SentModules(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads modules whose sources came over the connection."""

    def __init__(self, sources: Dict[str, str]) -> None:  # noqa: UP006
        self.sources = sources

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Return the spec of a module that was sent, else None."""
        if fullname not in self.sources:
            return None
        return importlib.util.spec_from_loader(
            fullname, self, origin=f"<sent {fullname}>", is_package=self.is_package(fullname)
        )

    def is_package(self, fullname: str) -> bool:
        """Whether other modules that were sent lie inside it."""
        return any(name.startswith(fullname + ".") for name in self.sources)

    def get_source(self, fullname: str) -> str:
        """Return its source."""
        return self.sources[fullname]


def start(payload: Dict[str, Any]) -> int:  # noqa: UP006
    """Import what was sent and answer the request; return the exit status."""
    sys.meta_path.insert(0, SentModules(payload["modules"]))
    main = importlib.import_module("bitprior_devices.remote.main")
    status: int = main.main(payload["request"])
    return status


if "payload" in globals():
    sys.exit(start(globals()["payload"]))
