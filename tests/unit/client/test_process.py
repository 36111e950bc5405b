"""How processes end: by SIGTERM, by themselves, and as children of others."""

import ast
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.client.service import Fault, Service

Program = Callable[[str], "subprocess.Popen[str]"]

OPERATOR = Path(__file__).parents[3] / "operator"


@pytest.fixture
def program(closed_service: Service) -> Iterator[Program]:
    """Starts Python programs in the service's surroundings."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> "subprocess.Popen[str]":
        env = {**os.environ, **closed_service.env, "PYTHONPATH": str(OPERATOR)}
        env.pop("PYTHONUNBUFFERED", None)  # what is printed is buffered, as it is in most images
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", "import sweep_run, os, signal\n" + textwrap.dedent(code)],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]") -> str:
    """The next one that the program prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Its exit code as a shell tells it, and what it has printed."""
    out, error = process.communicate(timeout=60)
    code = process.returncode
    return (code if code >= 0 else 128 - code), out, error


def test_sigterm_sends_what_waits_and_ends_the_process(service: Service, program: Program) -> None:
    process = program("""
        run = sweep_run.init()
        run.log({"loss": 0.5})
        print("ready", end="")  # flushed at the end, as nothing else will do it
        os.write(1, b"\\n")
        signal.pause()
        """)
    assert line(process) == ""
    process.terminate()
    assert end(process) == (143, "ready", "")
    assert service.told("loss") == [0.5]
    assert not service.result


def test_sigterm_in_the_midst_of_logging_still_ends_the_process(
    service: Service, program: Program
) -> None:
    process = program("""
        run = sweep_run.init()
        print("ready", flush=True)
        step = 0
        while True:
            run.log({"loss": float(step)}, step)
            step += 1
        """)
    assert line(process) == "ready"
    service.wait(lambda: len(service.stored) > 0)
    process.terminate()
    assert end(process)[0] == 143


def test_what_is_to_be_done_on_preemption_is_done_before_the_reports_go_out(
    service: Service, program: Program
) -> None:
    process = program("""
        run = sweep_run.init()

        @run.on_preempt
        def broken():
            raise ValueError("a fault of the callback's own")

        @run.on_preempt
        def save():
            run.log({"saved": 1})

        print("ready", flush=True)
        signal.pause()
        """)
    assert line(process) == "ready"
    process.terminate()
    code, _, error = end(process)
    assert code == 143
    assert "a fault of the callback's own" in error
    assert service.told("saved") == [1.0]


def test_sigterm_waits_longer_for_a_result(service: Service, program: Program) -> None:
    service.faults += [Fault(503, {"Retry-After": "0"})] * 3
    process = program("""
        run = sweep_run.init()
        print("ready", flush=True)
        run.finish({"loss": 0.5})
        """)
    assert line(process) == "ready"
    service.wait(lambda: len(service.bodies) > 0)
    process.terminate()
    assert end(process)[0] in {0, 143}
    assert service.result == {"loss": 0.5}


@pytest.mark.parametrize(
    "unless",
    [
        "sweep_run.init(handle_sigterm=False)",
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(7)); sweep_run.init()",
    ],
)
def test_sigterm_is_left_to_whoever_handles_it(
    service: Service, program: Program, unless: str
) -> None:
    process = program(f"{unless}\nprint(signal.getsignal(signal.SIGTERM), flush=True)")
    assert "sweep_run" not in line(process)
    assert end(process)[0] == 0


def test_a_process_that_ends_sends_what_waits(service: Service, program: Program) -> None:
    assert end(program('sweep_run.init().log({"loss": 0.5})')) == (0, "", "")
    assert service.told("loss") == [0.5]
    assert not service.result


def test_a_process_ends_though_nobody_answers(closed_service: Service, program: Program) -> None:
    closed_service.url = "http://127.0.0.1:1/"
    process = program("""
        with sweep_run.init() as run:
            for step in range(10_000):
                run.log({"loss": float(step)}, step)
            print(run.finish(timeout=0.1))
        """)
    code, out, error = end(process)
    assert (code, out) == (0, "False\n")
    assert "will retry" in error
    termination_log = closed_service.folder / "termination-log"
    assert json.loads(termination_log.read_text()) == {"loss": 9999.0}


def test_a_forked_child_reports_nothing_and_ends_by_sigterm_as_ever(
    service: Service, program: Program
) -> None:
    process = program("""
        run = sweep_run.init()
        run.log({"parent": 1})
        child = os.fork()
        if not child:
            assert sweep_run.init() is run
            run.log({"child": 1})
            run.mark_preempting()
            assert not run.finish({"child": 1})
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            os.kill(os.getpid(), signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        print(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM)
        run.finish({"parent": 2})
        """)
    code, out, error = end(process)
    assert (code, out) == (0, "True\n")
    assert error.count("ignored in a forked process") == 1
    assert not service.told("child")
    assert not service.preempting
    assert service.result == {"parent": 2.0}


def test_a_forked_child_that_ends_by_itself_does_not_wait(
    service: Service, program: Program
) -> None:
    process = program("""
        run = sweep_run.init()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            run.finish({"parent": 1})
        """)
    assert end(process)[0] == 0
    assert service.told("parent") == [1.0]


def test_the_client_needs_the_standard_library_alone(closed_service: Service) -> None:
    listing = "import sys, sweep_run; print(*{name.partition('.')[0] for name in sys.modules})"
    env = {**closed_service.env, "PYTHONPATH": str(OPERATOR)}
    command = [sys.executable, "-S", "-c", listing]  # -S: without what is installed
    listed = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    imported = set(listed.stdout.split()) - {"__main__", "sweep_run"}
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize(
    "file", sorted((OPERATOR / "sweep_run").glob("*.py")), ids=lambda f: f.name
)
def test_the_client_is_written_in_the_language_of_python_3_9(file: Path) -> None:
    text = file.read_text()
    ast.parse(text, feature_version=(3, 9))
    assert "\nfrom __future__ import annotations\n" in text


def test_the_example_of_the_docs_reports_its_result(service: Service, program: Program) -> None:
    page = (OPERATOR.parent / "docs/reporting.md").read_text().partition("## From Python")[2]
    example = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    process = program("def train(learning_rate): return learning_rate\n" + example)
    assert end(process) == (0, "", "")
    assert service.told("loss") == [0.1] * 4
    assert service.result == {"loss": 0.1}
