"""What is rendered for the example labs is what is written down in tests/golden, engine generation by generation."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnet.mesh import render
from meshnet.model import Generation
from tests.mesh.golden import Golden, refused
from tests.mesh.printed import text
from tests.mesh.scenarios import EXAMPLES, scenario

FOLDER = Path(__file__).parents[1] / "golden"
MIXED = "mixed/article"
TEXTS: dict[str, tuple[str, Generation | None]] = {
    MIXED: ("article", None),  # 18.03, 18.06 and 18.03, as it was
    **{f"{generation}/{example}": (example, generation) for generation in Generation for example in EXAMPLES},
}


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(FOLDER, refresh=request.config.getoption("--refresh-golden"))


@pytest.mark.parametrize("name", TEXTS)
def test_a_lab_is_rendered_as_written_down(golden: Golden, name: str) -> None:
    golden.check(name, text(render(scenario(*TEXTS[name]))))


def test_every_text_is_of_a_lab(golden: Golden) -> None:
    golden.check_names(TEXTS)


def test_a_difference_is_shown_and_nothing_written(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("a\nb\n")
    with pytest.raises(pytest.fail.Exception, match=r"(?s)one\.txt and what is rendered part.*\n-b\n\+c$"):
        Golden(tmp_path).check("one", "a\nc\n")
    with pytest.raises(pytest.fail.Exception, match="two"):
        Golden(tmp_path).check("two", "a\n")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["a\nb\n"]


def test_refreshing_writes_and_fails_once(tmp_path: Path) -> None:
    golden = Golden(tmp_path, refresh=True)
    with pytest.raises(pytest.fail.Exception, match="was written anew: read the difference"):
        golden.check("deep/one", "a\n")
    golden.check("deep/one", "a\n")
    Golden(tmp_path).check("deep/one", "a\n")


def test_a_text_of_nothing_fails_and_a_refresh_removes_it(tmp_path: Path) -> None:
    for name in ("kept", "old"):
        (tmp_path / f"{name}.txt").write_text("a\n")
    for refresh in (False, True):
        with pytest.raises(pytest.fail.Exception, match=r"golden texts of nothing.*: old$"):
            Golden(tmp_path, refresh).check_names({"kept"})
    Golden(tmp_path).check_names({"kept"})


def test_nothing_is_refreshed_in_ci() -> None:
    assert "does not go with CI" in refused(True, {"CI": "true"})
    assert not refused(True, {})
    assert not refused(False, {"CI": "true"})
