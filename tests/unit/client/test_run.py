"""A run from its program's side: what log() takes and what finish() leaves."""

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.conftest import MakeRun
from tests.unit.client.service import Fault, Service

import sweep_run
from sweep_run.client import Run
from sweep_run.notices import Notices
from sweep_run.surroundings import Surroundings, read
from sweep_run.termination import write


def message(service: Service) -> Any:
    """The container's termination message."""
    return json.loads((service.folder / "termination-log").read_text())


def test_a_run_knows_itself(run: Run) -> None:
    assert (run.id, run.name, run.number, run.attempt) == ("digits-7", "digits-7", 7, 2)
    assert (run.sweep, run.namespace) == ("digits", "ml")
    assert run.config == {"epochs": 3, "learning_rate": 0.1, "optimizer": {"lr": 0.2}}


def test_what_is_no_number_is_left_out_with_one_warning(
    service: Service, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        run.log({"loss": 0.5, "note": "good", "worst": None})
    assert run.flush(20)
    assert {tuple(report.metrics) for report in service.stored} == {("loss",)}
    (message,) = caplog.messages
    assert "'note' (not a number but str), 'worst' (not a number but NoneType)" in message


@pytest.mark.parametrize("metrics", [None, 3, "loss", [1]])
def test_log_raises_nothing_whatever_it_gets(service: Service, run: Run, metrics: Any) -> None:
    run.log(metrics)
    run.log({"loss": 0.5}, step="first")  # type: ignore[arg-type]
    assert run.flush(20)
    assert [(report.step, report.metrics) for report in service.stored] == [(1, {"loss": 0.5})]


def test_nan_reaches_the_operator(service: Service, run: Run) -> None:
    assert run.finish({"loss": math.nan, "gain": -math.inf}, timeout=20)
    assert service.stored[-1].non_finite == {"loss": "nan", "gain": "-inf"}


def test_a_run_has_64_metrics_and_those_of_finish_come_first(service: Service, run: Run) -> None:
    for i in range(70):
        run.log({f"m{i}": float(i)})
    assert run.finish({"objective": 1.0}, timeout=20)
    assert service.told("m63") == [63.0]
    assert not service.told("m64")
    assert list(service.result) == ["objective", *(f"m{i}" for i in range(63))]


def test_the_sweeps_metric_has_a_place_however_late_it_is_logged(
    service: Service, make_run: MakeRun
) -> None:
    run = make_run(SWEEP_METRIC="objective")
    run.log({f"m{i}": float(i) for i in range(70)})
    run.log({"m99": 1.0, "objective": 2.0})
    run.log({"objective": 1.0})
    assert run.finish(timeout=20)
    assert service.told("objective") == [2.0, 1.0, 1.0]
    assert list(service.result) == ["objective", *(f"m{i}" for i in range(63))]
    assert not service.told("m63") + service.told("m99")


def test_the_sweeps_metric_takes_no_second_place(service: Service, make_run: MakeRun) -> None:
    run = make_run(SWEEP_METRIC="objective")
    run.log({"objective": 2.0} | {f"m{i}": float(i) for i in range(70)})
    assert run.finish(timeout=20)
    assert list(service.result) == ["objective", *(f"m{i}" for i in range(63))]


def test_the_sweeps_metric_is_in_the_termination_message_whatever_is_cut(
    service: Service, make_run: MakeRun
) -> None:
    run = make_run(SWEEP_METRIC="objective")
    run.log({f"{'ü' * 20}{i}": float(i) for i in range(63)})
    run.log({"objective": 1.0})
    assert run.finish({f"{'é' * 20}{i}": float(i) for i in range(30)}, timeout=20)
    found = message(service)
    assert len(found) < 64
    assert next(iter(found)) == "objective"
    assert found["objective"] == 1.0


def test_finish_returns_once_the_result_is_on_record(service: Service, run: Run) -> None:
    run.log({"loss": 0.5})
    assert run.finish({"accuracy": 0.9}, timeout=20)
    assert service.result == {"accuracy": 0.9, "loss": 0.5}


def test_without_metrics_the_last_of_each_is_the_result(service: Service, run: Run) -> None:
    run.log({"loss": 0.5, "accuracy": 0.8})
    run.log({"loss": 0.4})
    assert run.finish(timeout=20)
    assert service.result == message(service) == {"loss": 0.4, "accuracy": 0.8}


def test_the_result_is_no_further_step(service: Service, run: Run) -> None:
    run.log({"loss": 0.5}, step=8)
    assert run.finish(timeout=20)
    assert [report.step for report in service.stored] == [8, 8]


def test_metrics_given_to_finish_win_over_logged_ones(service: Service, run: Run) -> None:
    run.log({"loss": 0.5, "accuracy": 0.8})
    assert run.finish({"accuracy": 0.9}, timeout=20)
    assert service.result == {"accuracy": 0.9, "loss": 0.5}
    assert list(message(service)) == ["accuracy", "loss"]


def test_finish_gives_up_when_its_time_is_over(service: Service, run: Run) -> None:
    go_on = threading.Event()
    service.faults.append(Fault(until=go_on))
    assert not run.finish({"loss": 0.5}, timeout=0.01)
    go_on.set()
    service.wait(lambda: service.result == {"loss": 0.5})


def test_only_the_first_finish_counts(service: Service, run: Run) -> None:
    assert run.finish({"loss": 0.5}, timeout=20)
    assert run.finish({"loss": 0.1}, timeout=20)
    run.log({"loss": 0.1})
    assert run.flush(20)
    assert service.told("loss") == [0.5]
    assert message(service) == {"loss": 0.5}


def test_finish_without_anything_to_tell_says_nothing(service: Service, run: Run) -> None:
    assert not run.finish(timeout=20)
    assert not service.bodies
    assert (service.folder / "termination-log").read_text() == ""


def test_a_refused_result_is_not_on_record(service: Service, run: Run) -> None:
    service.faults.append(Fault(400))
    assert not run.finish({"loss": 0.5}, timeout=20)


def test_a_context_that_ends_well_finishes_the_run(service: Service, run: Run) -> None:
    with run:
        run.log({"loss": 0.5})
    assert service.result == {"loss": 0.5}


@pytest.mark.parametrize("code", [None, 0])
def test_an_exit_without_an_error_is_a_good_end(service: Service, run: Run, code: Any) -> None:
    run.log({"loss": 0.5})
    with pytest.raises(SystemExit), run:
        raise SystemExit(code)
    assert service.result == {"loss": 0.5}


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_a_context_that_fails_sends_what_was_logged_and_no_result(
    service: Service, run: Run, error: BaseException
) -> None:
    run.log({"loss": 0.5})
    with pytest.raises(type(error)), run:
        raise error
    assert service.told("loss") == [0.5]
    assert not service.result
    assert (service.folder / "termination-log").read_text() == ""


def test_the_termination_message_replaces_what_was_there(service: Service, run: Run) -> None:
    (service.folder / "termination-log").write_text("x" * 100)
    run.finish({"loss": 0.5, "gain": math.nan}, timeout=20)
    assert (service.folder / "termination-log").read_text() == '{"loss": 0.5, "gain": NaN}'


def test_a_long_termination_message_is_cut_at_whole_metrics(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "message"
    file.touch()
    metrics = {f"{'ü' * 20}{i}": float(i) for i in range(64)}
    write(file, metrics, Notices())
    assert 3900 <= file.stat().st_size <= 4096
    kept = json.loads(file.read_text())
    assert kept == dict(list(metrics.items())[: len(kept)])
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("place", ["missing", "missing/deeper", "."])
def test_no_termination_message_where_there_is_no_file_for_it(tmp_path: Path, place: str) -> None:
    write(tmp_path / place, {"loss": 0.5}, Notices())
    assert list(tmp_path.iterdir()) == []


def test_without_an_operator_each_report_is_a_printed_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(Surroundings({}, termination_log=tmp_path / "none"), {"lr": 0.1})
    with run:
        run.log({"loss": 0.5, "accuracy": 0.8})
        run.mark_preempting()
    assert (run.id, run.number, run.attempt, run.sweep) == ("local", 0, 1, "")
    assert run.config.lr == 0.1
    assert not run.should_stop
    assert capsys.readouterr().out.splitlines() == [
        "sweep_run: step=0 loss=0.5 accuracy=0.8",
        "sweep_run: preempting",
        "sweep_run: final step=0 loss=0.5 accuracy=0.8",
    ]


def test_a_run_that_is_not_to_report_has_its_config_and_tells_nothing(
    service: Service, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for env in (service.env, service.env | {"SWEEP_REPORT_URL": ""}):
        with Run(read(env), report=False) as run:
            run.log({"loss": 0.5})
            run.mark_preempting()
            assert not run.finish({"loss": 0.4})
        assert run.config.epochs == 3
    assert (service.folder / "termination-log").read_text() == ""
    assert not service.bodies
    assert capsys.readouterr().out == caplog.text == ""


def test_a_run_may_go_without_the_http_service(make_run: MakeRun, closed_service: Service) -> None:
    run = make_run(SWEEP_REPORT_URL="")
    run.finish({"loss": 0.5})
    assert message(closed_service) == {"loss": 0.5}


def test_a_callback_for_preemption_that_will_not_be_called_is_said(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    @run.on_preempt
    def save() -> None:
        pass

    assert "on_preempt() has no effect" in caplog.text


def test_the_module_speaks_for_its_one_run(
    monkeypatch: pytest.MonkeyPatch, service: Service
) -> None:
    monkeypatch.setattr(sweep_run, "_current", None)
    monkeypatch.setattr("atexit.register", lambda _: None)
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    assert sweep_run.run is None
    with pytest.raises(AttributeError, match=r"call sweep_run.init\(\) first"):
        _ = sweep_run.config
    with pytest.raises(RuntimeError, match=r"call sweep_run.init\(\) first"):
        sweep_run.log({"loss": 0.5})

    run = sweep_run.init({"seed": 1}, handle_sigterm=False)
    assert sweep_run.init({"seed": 2}) is run
    assert sweep_run.run is run
    assert sweep_run.config.seed == 1
    sweep_run.log({"loss": 0.5})
    sweep_run.mark_preempting()
    assert sweep_run.finish(timeout=20)
    assert service.preempting
    assert service.result == {"loss": 0.5}
    with pytest.raises(AttributeError, match="no attribute 'sweep'"):
        _ = sweep_run.sweep
