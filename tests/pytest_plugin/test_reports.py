"""Options, markers, and what a run prints and keeps; of a lab that is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meshnet.pytest_plugin.bench import Bench
from tests.pytest_plugin.fake_bench import PCAPNG, RULES, FakeBench, install

pytest_plugins = ["pytester"]

FAILING = """
def test_way(lab, trace):
    assert trace(lab.client, "swarm-worker1", 8001).passes("swarm-worker1/ingress_sbox", mark=0x101)
"""
PASSING = """
def test_way(lab, trace):
    assert trace(lab.client, lab.worker1, 8000).passes("swarm-worker1/ingress_sbox", mark=0x100)
"""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> type[FakeBench]:
    return install(monkeypatch)


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_mesh=source)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


def evidence(pytester: pytest.Pytester, folder: str = ".meshnet", test: str = "test_way") -> Path:
    return pytester.path / folder / f"test_mesh.py-{test}"


def files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


@pytest.mark.usefixtures("bench")
def test_a_failure_shows_both_ways_and_where_they_part(pytester: pytest.Pytester) -> None:
    result = run(pytester, FAILING)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: assert <it never comes to swarm-worker1/ingress_sbox*",
            "* trace client > swarm-worker1:8001 *",
            "request  predicted",
            "*│ mangle PREROUTING 1 *",
            "request  observed",
            "the request parts from what was predicted at its hop 13:",
            "* lab *",
            "*.meshnet/test_mesh.py-test_way",
        ]
    )


@pytest.mark.usefixtures("bench")
def test_a_failure_keeps_traces_frames_and_the_rules_of_all_namespaces(pytester: pytest.Pytester) -> None:
    run(pytester, FAILING)
    kept = evidence(pytester)
    found = files(kept)
    (trace,) = (name for name in found if name.startswith("trace") and name.endswith(".json"))
    assert json.loads((kept / trace).read_text())["schema"] == "meshnet-trace/1"
    assert (kept / trace.replace(".json", ".pcapng")).read_bytes() == PCAPNG
    assert sorted((kept / name).read_text() for name in found if name.startswith("rules/")) == sorted(RULES.values())
    assert "the request parts" in (kept / "report.txt").read_text()


@pytest.mark.usefixtures("bench")
def test_what_passes_leaves_nothing(pytester: pytest.Pytester) -> None:
    run(pytester, PASSING).assert_outcomes(passed=1)
    assert not (pytester.path / ".meshnet").exists()


@pytest.mark.usefixtures("bench")
def test_evidence_goes_where_it_is_told_to(pytester: pytest.Pytester) -> None:
    run(pytester, FAILING, "--lab-output", "kept", "--lab-pcap")
    assert (evidence(pytester, "kept") / "test.pcapng").read_bytes() == PCAPNG
    assert not (pytester.path / ".meshnet").exists()


@pytest.mark.usefixtures("bench")
def test_an_earlier_runs_evidence_is_replaced(pytester: pytest.Pytester) -> None:
    run(pytester, FAILING, "--lab-pcap")
    assert "test.pcapng" in files(evidence(pytester))
    run(pytester, FAILING)
    assert "test.pcapng" not in files(evidence(pytester))


@pytest.mark.usefixtures("bench")
def test_a_test_shows_its_own_traces_only(pytester: pytest.Pytester) -> None:
    result = run(pytester, f"{PASSING}\ndef test_other(lab):\n    assert not lab.name\n")
    result.assert_outcomes(passed=1, failed=1)
    assert " trace " not in result.stdout.str()
    assert not [name for name in files(evidence(pytester, test="test_other")) if name.startswith("trace")]


def test_one_lab_serves_a_module_and_is_put_back_between_its_tests(
    pytester: pytest.Pytester, bench: type[FakeBench]
) -> None:
    run(pytester, "def test_a(lab): pass\ndef test_b(lab): pass\ndef test_c(): pass\n").assert_outcomes(passed=3)
    assert bench.log == ["order - - auto", "start", "rewind", "rewind", "stop"]


def test_a_class_may_ask_for_a_lab_of_its_own(pytester: pytest.Pytester, bench: type[FakeBench]) -> None:
    source = """
    import pytest

    def test_a(lab): pass

    @pytest.mark.lab(topo="swarm,workers=1", engine=["20.10", "client=18.06"])
    class TestOther:
        def test_b(self, lab): pass
    """
    result = run(pytester, source, "--lab-kernel", "uml", "-v", "--strict-markers")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["test_mesh.py::TestOther::test_b PASSED*"])
    starts = [line for line in bench.log if line.startswith("order")]
    assert starts == ["order - - uml", "order swarm,workers=1 20.10,client=18.06 uml"]
    assert bench.log.count("stop") == 2


def test_a_mark_without_arguments_is_no_more_than_a_mark(pytester: pytest.Pytester, bench: type[FakeBench]) -> None:
    source = "import pytest\n\n@pytest.mark.lab\ndef test_a(): pass\n"
    run(pytester, source, "--strict-markers").assert_outcomes(passed=1)
    assert bench.log == []


def test_a_lab_that_was_built_anew_is_told(
    pytester: pytest.Pytester, bench: type[FakeBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "rebuilds", "somebody cut a cable")
    result = run(pytester, "def test_a(lab): pass\ndef test_b(lab): pass\n")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*built anew*somebody cut a cable*"])


def test_a_lab_that_is_lost_is_one_sentence(
    pytester: pytest.Pytester, bench: type[FakeBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "lost", "out of memory")
    monkeypatch.setattr(bench, "call", Bench.call)
    monkeypatch.setattr(bench, "client", Bench.client, raising=False)
    monkeypatch.setattr(bench, "_up", Bench._up, raising=False)
    monkeypatch.setattr(bench, "_running", None, raising=False)
    result = run(pytester, "def test_a(lab): pass\ndef test_b(lab): pass\n")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*could not be put back, nor built anew: out of memory"])
    result.stdout.fnmatch_lines(["its state could not be saved: the lab is not running"])


def test_where_no_lab_can_be_is_one_sentence(
    pytester: pytest.Pytester, bench: type[FakeBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "problem", "this machine's kernel lacks ipvs")
    result = run(pytester, PASSING)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no lab: this machine's kernel lacks ipvs"])
    assert "Traceback" not in result.stdout.str() and "hooks.py" not in result.stdout.str()


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("marker", "sentence"),
    [
        ("lab('stack.yaml')", "*lab(stack='stack.yaml')*"),
        ("lab(stak='stack.yaml')", "*expected folder, topo, stack, engine, found 'stak'*"),
        ("lab(topo=3)", "*expected text for topo, found 3*"),
        ("lab(stack=[1])", "*expected text for stack, found [[]1[]]*"),
    ],
)
def test_a_mark_that_says_nothing_sensible_is_one_sentence(
    pytester: pytest.Pytester, marker: str, sentence: str
) -> None:
    result = run(pytester, f"import pytest\n\n@pytest.mark.{marker}\ndef test_a(lab): pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*test_mesh.py: @pytest.mark.lab on test_a: {sentence}"])
    assert "order.py" not in result.stdout.str()


@pytest.mark.usefixtures("bench")
def test_a_users_mistake_is_told_by_its_line_without_a_traceback(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_a(lab):\n    lab.node('worker7')\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["test_mesh.py:2: this lab has no node 'worker7'; it has swarm-worker1, client"])


@pytest.mark.parametrize("option", ["--lab-keep", "--lab-shell-on-failure"])
def test_what_needs_the_terminal_is_refused_where_there_are_several_processes(
    pytester: pytest.Pytester, option: str
) -> None:
    result = run(pytester, "def test_a(): pass", option, "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{option} needs this terminal*"])


def test_no_kernel_but_those_there_are(pytester: pytest.Pytester) -> None:
    result = run(pytester, "def test_a(): pass", "--lab-kernel", "bsd")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--lab-kernel: invalid choice: 'bsd'*"])


@pytest.mark.usefixtures("bench")
def test_a_shell_where_there_is_no_terminal_is_told_and_the_run_goes_on(pytester: pytest.Pytester) -> None:
    result = run(pytester, FAILING, "--lab-shell-on-failure")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*--lab-shell-on-failure: there is no terminal here*"])


def test_the_options_and_fixtures_are_listed(pytester: pytest.Pytester) -> None:
    shown = run(pytester, "", "--help").stdout.str()
    for option in ("--lab-kernel", "--lab-output", "--lab-pcap", "--lab-keep", "--lab-shell-on-failure"):
        assert option in shown
    fixtures = run(pytester, "", "--fixtures").stdout
    fixtures.fnmatch_lines_random(["lab *", "send *", "capture *", "trace *", "expect_packet *", "expect_no_packet *"])
    run(pytester, "", "--markers").stdout.fnmatch_lines(["@pytest.mark.lab(*"])


def test_who_has_no_lab_pays_for_no_imports() -> None:
    """pytest loads the plugin in every repository."""
    code = "import sys; old = set(sys.modules) | {'pytest'}; import pytest; old |= set(sys.modules);"
    code += "import meshnet.pytest_plugin; print(*sorted(set(sys.modules) - old))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["meshnet", "meshnet.pytest_plugin"]
