"""The coverage of a run: every process counts, nothing is left out, and two runs do not mix."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.measuring import File, Measurement, line_ranges, remove_abandoned, report

pytestmark = pytest.mark.slow  # for --coverage only

# this process may itself be measured: the programs below must not take part in that
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}

PROGRAMS = {
    "__init__": "",
    "parent": """\
        import os, subprocess, sys
        subprocess.run([sys.executable, "-m", "measured.child"], check=True)
        if (pid := os.fork()) == 0:
            import measured.forked
            sys.exit(0)
        os.waitpid(pid, 0)
        with subprocess.Popen([sys.executable, "-m", "measured.ended"], stdout=-1) as ended:
            ended.stdout.readline()
            ended.terminate()
        """,
    "child": "ran = True\n",
    "forked": "ran = True\n",
    "ended": """\
        import time
        while print:
            time.sleep(0.01)  # a signal that comes just before signal.pause() would not end that
            print("here", flush=True)
        unreachable = True
        """,
    "never": """\
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:  # pragma: no cover
            import os
        def stub(): ...
        """,
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A package whose modules run in processes of their own."""
    package = tmp_path / "measured"
    package.mkdir()
    for name, program in PROGRAMS.items():
        text = "\n".join(line.removeprefix(" " * 8) for line in program.splitlines())
        (package / f"{name}.py").write_text(text)
    return package


def run(measurement: Measurement, source: Path, module: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        measurement.command(f"measured.{module}"),
        cwd=source.parent,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )


def test_children_forks_and_what_is_ended_by_a_signal_are_measured(
    tmp_path: Path, source: Path
) -> None:
    measurement = Measurement(tmp_path / "kept", source)
    done = run(measurement, source, "parent")
    assert (done.stdout, done.stderr) == ("", "")
    files = {file.name: file for file in measurement.files()}
    assert [files[name].missing for name in ("child.py", "forked.py")] == [[], []]
    assert files["ended.py"].missing == [5]


def test_a_module_that_never_ran_counts_with_every_statement(tmp_path: Path, source: Path) -> None:
    measurement = Measurement(tmp_path / "kept", source)
    run(measurement, source, "child")
    never = next(file for file in measurement.files() if file.name == "never.py")
    assert (never.statements, never.missing) == (4, [1, 2, 3, 4])


def test_only_the_result_stays(tmp_path: Path, source: Path) -> None:
    measurement = Measurement(tmp_path / "kept", source)
    run(measurement, source, "parent")
    measurement.files()
    measurement.remove()
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["data"]
    assert {file.name for file in tmp_path.iterdir()} == {"kept", "measured"}


def test_runs_in_two_directories_do_not_mix(tmp_path: Path, source: Path) -> None:
    one, two = Measurement(tmp_path / "one", source), Measurement(tmp_path / "two", source)
    run(one, source, "child")
    run(two, source, "forked")
    ran = [{f.name for f in m.files() if f.statements and not f.missing} for m in (one, two)]
    assert ran == [{"child.py"}, {"forked.py"}]


def test_what_a_killed_run_left_is_removed_and_what_runs_stays(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid in (gone.pid, os.getppid()):
        (tmp_path / f"run-{pid}").mkdir()
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"run-{os.getppid()}"]


def test_half_a_file_of_a_killed_process_is_passed_over(tmp_path: Path, source: Path) -> None:
    measurement = Measurement(tmp_path / "kept", source)
    run(measurement, source, "child")
    directory = tmp_path / "kept" / f"run-{os.getpid()}"
    (directory / "data.host.pid1.Xabcdefgh").touch()
    assert {f.name for f in measurement.files() if f.statements and not f.missing} == {"child.py"}


def test_nothing_measured_does_not_pass(tmp_path: Path, source: Path) -> None:
    assert report(Measurement(tmp_path / "kept", source).files()) == (
        "coverage of backend/: nothing was measured",
        False,
    )


def test_the_report_ends_with_the_total_and_names_what_is_below() -> None:
    files = [File("good.py", 90, [1]), File("bad.py", 10, [4, 5, 6, 9])]
    text, reached = report(files, target=90)
    assert reached
    assert text.splitlines() == [
        "modules of backend/ below 90 % and the lines that never ran:",
        "  bad.py  60.0 %  4-6, 9",
        "coverage of backend/: 95.0 % of 100 statements in 2 modules",
    ]


def test_a_total_below_the_target_fails_however_near_it_is() -> None:
    text, reached = report([File("a.py", 10000, list(range(1, 1002)))], target=90)
    assert not reached
    assert text.endswith("it must be at least 90 %")


def test_lines_are_shown_as_ranges() -> None:
    assert line_ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
    assert line_ranges([]) == ""
