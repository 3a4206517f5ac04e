"""Which workload an image name stands for."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from meshnet.errors import InputError
from meshnet.lab.workloads import Catalogue, CatalogueEntry, Running, TaskContext, image_name
from meshnet.lab.workloads.command import CommandWorkload
from meshnet.lab.workloads.echo import EchoWorkload
from meshnet.lab.workloads.served import BannerWorkload, HttpWorkload


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("nginx", "nginx"),
        ("nginx:1.25", "nginx"),
        ("library/nginx", "nginx"),
        ("docker.io/library/nginx:latest", "nginx"),
        ("jwilder/whoami:latest@sha256:c621c699e1be", "jwilder/whoami"),
        ("registry.example:5000/jwilder/whoami", "jwilder/whoami"),
        ("localhost/jwilder/whoami:1", "jwilder/whoami"),
    ],
)
def test_an_image_is_known_by_its_name_without_registry_tag_and_digest(reference: str, name: str) -> None:
    assert image_name(reference) == name


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("jwilder/whoami", HttpWorkload),
        ("nginx", HttpWorkload),
        ("httpd", HttpWorkload),
        ("wordpress", HttpWorkload),
        ("mysql", BannerWorkload),
        ("busybox", CommandWorkload),
        ("meshnet/echo", EchoWorkload),
    ],
)
def test_the_built_in_images_are_there(image: str, kind: type) -> None:
    assert isinstance(Catalogue().workload(f"{image}:latest"), kind)


def test_an_unknown_image_is_refused_with_the_known_ones_and_how_to_add_one() -> None:
    with pytest.raises(InputError) as refused:
        Catalogue([CatalogueEntry("mine", "http", 1234)]).check("redis:7", where="stack.yaml:4")
    message = str(refused.value)
    assert message.startswith("stack.yaml:4: there is no image 'redis:7' here; known are busybox, httpd,")
    assert "mine" in message
    assert "catalogue" in message
    assert "meshnet.workloads" in message


def test_a_labs_own_entry_goes_before_a_built_in_one() -> None:
    catalogue = Catalogue([CatalogueEntry("nginx", "banner", 80)])
    assert isinstance(catalogue.workload("nginx"), BannerWorkload)


class _Elsewhere:
    """A workload that another package brings."""

    async def start(self, task: TaskContext) -> Running:
        raise NotImplementedError


ENTRY = CatalogueEntry("redis", "banner", 6379)


@pytest.mark.parametrize(("offered", "kind"), [("_Elsewhere", _Elsewhere), ("ENTRY", BannerWorkload)])
def test_a_package_adds_images_as_a_class_or_an_entry(
    monkeypatch: pytest.MonkeyPatch, offered: str, kind: type
) -> None:
    offer = EntryPoint("redis", f"{__name__}:{offered}", "meshnet.workloads")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [offer])
    assert isinstance(Catalogue().workload("redis:7"), kind)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "udp"}, "kind is one of http, banner, echo, command"),
        ({"kind": "http"}, "port is a number"),
        ({"kind": "echo"}, "port is a number"),
        ({"kind": "http", "port": 70000}, "port is a number"),
        ({"kind": "banner", "port": "80"}, "port is a number"),
        ({"kind": "command"}, "which command it runs"),
    ],
)
def test_an_entry_that_makes_no_workload_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=f"^image mine: .*{said}"):
        CatalogueEntry("mine", **wrong)  # type: ignore[arg-type]  # users write it, so it has to be checked
