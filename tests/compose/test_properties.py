"""No file, however wrong, ends in anything but a stack or one sentence."""

from __future__ import annotations

import copy
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshnet.compose import load_stack
from meshnet.errors import InputError

WHOLE: dict[str, Any] = {
    "version": "3.8",
    "name": "shop",
    "services": {
        "web": {
            "image": "nginx",
            "command": ["a", "b"],
            "entrypoint": "run it",
            "environment": {"A": "1"},
            "labels": ["x=y"],
            "networks": {"front": {"aliases": ["www"]}},
            "ports": ["8000:80", {"target": 80, "published": 81, "protocol": "tcp", "mode": "ingress"}],
            "deploy": {
                "mode": "replicated",
                "replicas": 2,
                "endpoint_mode": "vip",
                "labels": {"a": "b"},
                "placement": {"constraints": ["node.role == worker"]},
            },
        }
    },
    "networks": {
        "front": {
            "name": "front",
            "driver": "overlay",
            "driver_opts": {"o": "v"},
            "attachable": True,
            "internal": False,
            "external": {"name": "there"},
            "labels": {"l": "v"},
            "ipam": {"driver": "default", "config": [{"subnet": "10.0.2.0/24"}]},
        }
    },
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70000),
    st.floats(allow_nan=False),
    st.sampled_from(("", "a", "0-1", "$x")),
)
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(("name", "a", "1")), inner)),
    max_leaves=4,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in inner for found in places(item, (*place, key)))]


def with_junk(place: tuple[Any, ...], what: Any) -> Any:
    if not place:
        return what
    whole = copy.deepcopy(WHOLE)
    holder: Any = whole
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = what
    return whole


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(places(WHOLE)), junk)
def test_any_value_anywhere(place: tuple[Any, ...], what: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stack.yaml")
        path.write_text(json.dumps(with_junk(place, what)))  # JSON is YAML, and fast to write
        try:
            load_stack([path], {})
        except InputError as error:
            sentence = str(error)
            assert sentence.startswith(f"{path}:")
            assert "\n" not in sentence and "pydantic" not in sentence and "Error" not in sentence
            assert "Input should" not in sentence, f"pydantic's own words came through: {sentence}"


def test_whole_file_is_a_stack(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(json.dumps(WHOLE))
    assert load_stack([path], os.environ).services[0].name == "shop_web"
