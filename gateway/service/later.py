"""What a context makes when it is first asked for it: a command that only looks at the store never loads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Generic, TypeVar

from gateway.messages.ports import DeliveryPort

__all__ = ["Later", "PortsLater"]

T = TypeVar("T")


class Later(Generic[T]):
    """A value that is made once, by whichever thread asks first; the others wait for it."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._lock = Lock()

    def get(self) -> T:
        """The value; raises what making it raises, and the next caller tries again."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class PortsLater(Mapping[str, DeliveryPort]):
    """Transport name → how it sends; made when the first document goes out."""

    def __init__(self, make: Callable[[], Mapping[str, DeliveryPort]]) -> None:
        self._ports = Later(make)

    def __getitem__(self, transport: str) -> DeliveryPort:
        """The port of a transport; KeyError when there is none."""
        return self._ports.get()[transport]

    def __iter__(self) -> Iterator[str]:
        """The names of the transports."""
        return iter(self._ports.get())

    def __len__(self) -> int:
        """How many transports there are."""
        return len(self._ports.get())
