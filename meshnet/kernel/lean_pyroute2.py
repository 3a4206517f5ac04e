"""pyroute2's message classes, and nothing else of pyroute2.

``import pyroute2`` brings in its socket classes, its database, asyncio and more: 0.4 s, or 1.6 s in user-mode Linux.
The classes that encode and decode messages need none of that, but lie in a package whose ``__init__`` does. So they are
imported below stand-ins for the two packages that are dear. The stand-ins are gone again afterwards, together with all
that was imported below them: whoever imports pyroute2 later gets the real one, whole. One that is there already is
used.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any

_PACKAGE = "pyroute2"
_GENERIC = "pyroute2.netlink.generic"


def _stand_in(name: str) -> types.ModuleType:
    """A package of that name which has the real one's modules, but ran none of its code."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module = types.ModuleType(name)
    module.__path__ = list(spec.submodule_search_locations)
    return module


def _import() -> dict[str, Any]:
    return {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in _MODULES}


def _import_lean() -> dict[str, Any]:
    try:
        sys.modules[_PACKAGE] = _stand_in(_PACKAGE)
        generic = _stand_in(_GENERIC)
        generic.__dict__.update(AsyncGenericNetlinkSocket=object, GenericNetlinkSocket=object)
        sys.modules[_GENERIC] = generic
        return _import()
    finally:
        for name in [name for name in sys.modules if name == _PACKAGE or name.startswith(f"{_PACKAGE}.")]:
            del sys.modules[name]


_MODULES = (
    "netlink",
    "netlink.rtnl.ifinfmsg",
    "netlink.rtnl.ifaddrmsg",
    "netlink.rtnl.rtmsg",
    "netlink.rtnl.ndmsg",
    "netlink.rtnl.nsidmsg",
    "netlink.generic.ipvs",
)

_modules = _import() if _PACKAGE in sys.modules else _import_lean()

ctrlmsg: Any = _modules["netlink"].ctrlmsg
ifinfmsg: Any = _modules["netlink.rtnl.ifinfmsg"].ifinfmsg
ifaddrmsg: Any = _modules["netlink.rtnl.ifaddrmsg"].ifaddrmsg
rtmsg: Any = _modules["netlink.rtnl.rtmsg"].rtmsg
ndmsg: Any = _modules["netlink.rtnl.ndmsg"].ndmsg
nsidmsg: Any = _modules["netlink.rtnl.nsidmsg"].nsidmsg
ipvsmsg: Any = _modules["netlink.generic.ipvs"].ipvsmsg
