"""What goes on round each test that has a lab: put back what it changed, keep evidence where it fails."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import pytest

from meshnet.errors import LabError, MeshnetError, UserError
from meshnet.lab.control import terminal
from meshnet.pytest_plugin.bench import Bench
from meshnet.pytest_plugin.evidence import FOLDER, Evidence, folder_name
from meshnet.pytest_plugin.lab import Lab
from meshnet.pytest_plugin.order import LabOrder

_INNER = (str(Path(__file__).parents[1]), contextlib.__file__)
"""Where the code is that a test's author needn't see."""

_SHOWN = 3
"""How many of a test's traces its report shows, the last ones."""


class Hooks:
    """Registered where some test has a lab. There is one at a time."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lab: Lab | None = None
        self._kept: Bench | None = None

    @contextmanager
    def lab(self, order: LabOrder) -> Iterator[Lab]:
        """A lab for as long as the block lasts. A lab that can't be is one sentence, and no traceback."""
        self._let_go()
        bench, problem = _started(order, self._config.getoption("lab_kernel"))
        if bench is None:
            pytest.fail(f"no lab: {problem}", pytrace=False)
        self._lab = Lab(bench, Evidence())
        self._begin()
        try:
            yield self._lab
        finally:
            self._end()
            self._lab = None
            if self._config.getoption("lab_keep"):
                self._kept = bench
            else:
                bench.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self._concerns(item):
            self._begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None and self._concerns(item):
            _spare_readers(call.excinfo)
        report = yield
        if not report.failed or call.excinfo is None or not self._concerns(item):
            return report
        if isinstance(call.excinfo.value, UserError):
            report.longrepr = f"{_where(item, call.excinfo)}: {call.excinfo.value}"
        if self._lab is not None:
            self._tell(self._lab, item, report)
            if self._config.getoption("lab_shell_on_failure"):
                self._open_prompt(self._lab, item)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        result = yield
        if self._concerns(item) and self._lab is not None:
            self._end()
            self._put_back(self._lab)
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        if self._kept is not None:
            self._wait(self._kept)
            self._let_go()

    def _concerns(self, item: pytest.Item) -> bool:
        return self._lab is not None and "lab" in getattr(item, "fixturenames", ())

    def _begin(self) -> None:
        """A test begins: nothing is known of it yet."""
        assert self._lab is not None
        evidence = self._lab.evidence
        evidence.traces.clear()
        evidence.recordings.clear()
        if self._config.getoption("lab_pcap") and evidence.whole is None:
            from meshnet.pytest_plugin.capturing import Recording

            evidence.whole = Recording(self._lab.bench)

    def _end(self) -> None:
        """A test has ended: so does the capture of all of it."""
        assert self._lab is not None
        whole, self._lab.evidence.whole = self._lab.evidence.whole, None
        if whole is not None:
            whole.stop()

    def _put_back(self, lab: Lab) -> None:
        """Raises ``pytest.fail`` where not even a new lab can be had."""
        rebuilt = problem = ""
        try:
            rebuilt = lab.bench.rewind()
        except MeshnetError as error:
            problem = str(error)
        if problem:
            pytest.fail(f"the lab could not be put back, nor built anew: {problem}", pytrace=False)
        if rebuilt:
            self._say(f"the lab was built anew, as it could not be put back: {rebuilt}")

    def _tell(self, lab: Lab, item: pytest.Item, report: pytest.TestReport) -> None:
        """Show what is known of the failure, and save it."""
        for traced in lab.evidence.traces[-_SHOWN:]:
            report.sections.append((f"trace {traced.title}", traced.report))
        folder = self._folder / folder_name(item.nodeid)
        sections = "\n\n".join(f"{title}\n{text}" for title, text in report.sections)
        try:
            lab.evidence.save(folder, lab.bench, f"{item.nodeid}\n\n{report.longreprtext}\n\n{sections}")
        except (MeshnetError, OSError) as error:
            report.sections.append(("lab", f"its state could not be saved: {error}"))
        else:
            report.sections.append(("lab", f"packets, traces and rules are in {folder}"))

    @property
    def _folder(self) -> Path:
        chosen = self._config.getoption("lab_output")
        return Path(chosen).absolute() if chosen else self._config.rootpath / FOLDER

    def _open_prompt(self, lab: Lab, item: pytest.Item) -> None:
        with self._terminal():
            if not terminal.is_terminal():
                self._say("--lab-shell-on-failure: there is no terminal here")
                return
            self._say(f"{item.nodeid} failed; this is its lab. Ctrl-D goes on with the tests.")
            with lab.bench.new_client() as client:
                terminal.join(client, "prompt", history=[], env=dict(os.environ))

    def _wait(self, bench: Bench) -> None:
        name, pid = bench.spec.name, os.getpid()
        self._say(f"lab {name} is kept: `meshnet sh NODE --lab {pid}` from another terminal; Ctrl-C here ends it")
        try:
            with bench.new_client() as client:
                while True:
                    client.receive()
        except (KeyboardInterrupt, LabError):  # the second: somebody took it down
            self._say("")

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.stop()

    @contextmanager
    def _terminal(self) -> Iterator[None]:
        """The terminal itself, without pytest's capturing of output."""
        capturing = self._config.pluginmanager.get_plugin("capturemanager")
        if capturing is not None:
            capturing.suspend(in_=True)
        try:
            yield
        finally:
            if capturing is not None:
                capturing.resume()

    def _say(self, line: str) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(line)


def _started(order: LabOrder, kernel: str) -> tuple[Bench | None, str]:
    """A running bench, or why there is none: what fails a test is better not raised while another error is handled."""
    try:
        bench = Bench(order, kernel)
        bench.start()
    except MeshnetError as error:
        return None, str(error)
    return bench, ""


def _spare_readers(error: pytest.ExceptionInfo[BaseException]) -> None:
    """Leave of the traceback what is the test's own, where the message says the rest."""
    if isinstance(error.value, MeshnetError | pytest.fail.Exception):
        left = _outer(error.tb)
        if left is not None:
            error.traceback = type(error.traceback)(left)


def _outer(trace: TracebackType | None) -> TracebackType | None:
    """The traceback without what is in ``_INNER``."""
    if trace is None:
        return None
    rest = _outer(trace.tb_next)
    if trace.tb_frame.f_code.co_filename.startswith(_INNER):
        return rest
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _where(item: pytest.Item, error: pytest.ExceptionInfo[BaseException]) -> str:
    """The line of the test's own file that was being run."""
    lines = [entry.lineno + 1 for entry in error.traceback if Path(entry.path) == item.path]
    return f"{item.path.name}:{lines[-1]}" if lines else item.nodeid
