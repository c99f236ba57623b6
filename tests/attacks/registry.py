"""The list of attacks."""

from collections.abc import Callable
from dataclasses import dataclass

from bitprior_runtime.bundle.errors import BundleError
from builders.forgery import Parts, forged


@dataclass(frozen=True)
class Attack:
    """A hostile file and the error that must refuse it."""

    name: str
    build: Callable[[], bytes]
    error: type[BundleError]


ATTACKS: list[Attack] = []


def attack(error: type[BundleError]) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """Register a function that returns the bytes of a hostile file."""

    def register(build: Callable[[], bytes]) -> Callable[[], bytes]:
        ATTACKS.append(Attack(build.__name__, build, error))
        return build

    return register


def forgery(error: type[BundleError]) -> Callable[[Callable[[Parts], None]], None]:
    """Register a function that changes the parts of a good bundle, which is then sealed again."""

    def register(change: Callable[[Parts], None]) -> None:
        ATTACKS.append(Attack(change.__name__, lambda: forged(change), error))

    return register
