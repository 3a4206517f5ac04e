"""How slow a link is made: delay, loss and rate, in the words of Mininet's ``TCLink``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from meshnet.errors import InputError

QUEUE = 1000
"""Packets that wait at each end of a shaped link at most; tc's own default for netem."""

LONGEST_DELAY = 240_000_000
"""Microseconds; netem counts 64 ns ticks in 32 bits."""

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z%]*)")
_MICROSECONDS = {"us": 1.0, "ms": 1e3, "s": 1e6}
_BITS = {"bit": 1.0, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}


@dataclass(frozen=True, slots=True)
class Shape:
    """What netem does to the packets that leave one end of a link.

    ``delay`` and ``jitter`` are in microseconds, ``loss`` is in per cent, ``rate`` in bits per second or None for as
    fast as it goes, ``queue`` in packets.
    """

    delay: int = 0
    jitter: int = 0
    loss: float = 0.0
    rate: int | None = None
    queue: int = QUEUE

    @property
    def slows(self) -> bool:
        """Whether there is anything for netem to do."""
        return self != Shape(queue=self.queue)

    @property
    def stock_parameters(self) -> dict[str, object]:
        """The same in ``TCLink``'s words; what is untouched is left out."""
        parameters = {
            "delay": f"{self.delay}us" if self.delay else None,
            "jitter": f"{self.jitter}us" if self.jitter else None,
            "loss": self.loss or None,
            "bw": self.rate / 1e6 if self.rate else None,
            "max_queue_size": self.queue if self.queue != QUEUE else None,
        }
        return {name: value for name, value in parameters.items() if value is not None}

    @classmethod
    def parse(
        cls,
        *,
        delay: object = None,
        jitter: object = None,
        loss: object = None,
        bw: object = None,
        max_queue_size: object = None,
    ) -> Shape:
        """From ``TCLink``'s parameters: ``delay="20ms"``, ``loss=1`` (per cent), ``bw=10`` (Mbit/s, or ``"500kbit"``).

        None means untouched. Raises ``InputError`` naming the parameter.
        """
        return cls(
            delay=0 if delay is None else microseconds("delay", delay),
            jitter=0 if jitter is None else microseconds("jitter", jitter),
            loss=0.0 if loss is None else per_cent("loss", loss),
            rate=None if bw is None else bits_per_second("bw", bw),
            queue=QUEUE if max_queue_size is None else _packets("max_queue_size", max_queue_size),
        )


def microseconds(name: str, value: object) -> int:
    """``"20ms"``, ``"1.5s"``, ``"300us"``; a bare number is milliseconds."""
    time = round(_quantity(name, value, _MICROSECONDS, "ms", "a time such as 20ms"))
    if time > LONGEST_DELAY:
        raise InputError(f"{name} must be {LONGEST_DELAY // 1_000_000}s at most, not {value!r}")
    return time


def bits_per_second(name: str, value: object) -> int:
    """``"10mbit"``, ``"500kbit"``; a bare number is megabits a second. More than 0."""
    bits = round(_quantity(name, value, _BITS, "mbit", "a rate such as 10mbit"))
    if bits == 0:
        raise InputError(f"{name} must be more than 0, or left out for a link as fast as it goes")
    return bits


def per_cent(name: str, value: object) -> float:
    """A number from 0 to 100; ``"1%"`` is 1."""
    number = _quantity(name, value, {"%": 1.0}, "%", "a percentage such as 1")
    if number > 100:
        raise InputError(f"{name} must be a percentage from 0 to 100, not {value!r}")
    return number


def _packets(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a number of packets, 1 or more, not {value!r}")
    return value


def _quantity(name: str, value: object, units: dict[str, float], default: str, example: str) -> float:
    match = _QUANTITY.fullmatch(str(value).strip().lower())
    factor = units.get(match[2] or default) if match else None
    if match is None or factor is None:
        raise InputError(f"{name} must be {example}, not {value!r}")
    return float(match[1]) * factor
