"""Mininet's own classes, imported without what a lab has no use for.

``mininet.node`` asks ``distutils`` for the class that compares Open vSwitch's version numbers. Python 3.12 has no
distutils, and setuptools' stands in for it after 1.2 s of imports in user-mode Linux; nobody here compares versions, so
for the length of the import an empty class stands in for both.
"""

from __future__ import annotations

import sys
from types import ModuleType

_STANDINS = ("distutils", "distutils.version")


class _StrictVersion:
    """Stands in for distutils' class; only Mininet's Open vSwitch would make one."""


def _stand_in() -> dict[str, ModuleType | None]:
    before = {name: sys.modules.get(name) for name in _STANDINS}
    package, module = (ModuleType(name) for name in _STANDINS)
    module.StrictVersion = _StrictVersion  # type: ignore[attr-defined]
    package.version = module  # type: ignore[attr-defined]
    sys.modules.update(zip(_STANDINS, (package, module), strict=True))
    return before


def _stand_back(before: dict[str, ModuleType | None]) -> None:
    for name, module in before.items():
        if module is None:
            del sys.modules[name]
        else:
            sys.modules[name] = module


_before = _stand_in()
try:
    from mininet.link import Intf, Link
    from mininet.net import Mininet
    from mininet.node import Node, Switch
finally:
    _stand_back(_before)

__all__ = ["Intf", "Link", "Mininet", "Node", "Switch"]
