"""Reports reach the operator whatever happens on the way, and once."""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.client.conftest import QUICK, MakeRun
from tests.unit.client.service import Fault, Service, serving

from sweep_run.client import Run
from sweep_run.endpoint import Endpoint
from sweep_run.notices import Notices
from sweep_run.sender import Sender


def test_reports_are_sent_with_their_steps(service: Service, run: Run) -> None:
    run.log({"loss": 0.5})
    run.log({"loss": 0.4}, step=7)
    run.log({"loss": 0.3})
    assert run.flush(20)
    assert [(each.step, each.metrics["loss"]) for each in service.stored] == [
        (0, 0.5),
        (7, 0.4),
        (8, 0.3),
    ]


def test_reports_go_out_by_themselves(service: Service, run: Run) -> None:
    run.log({"loss": 0.5})
    service.wait(lambda: service.told("loss") == [0.5])


def test_a_burst_is_sent_in_few_requests(service: Service, make_run: MakeRun) -> None:
    run = make_run(replace(QUICK, interval=600.0))
    for step in range(10_000):
        run.log({"loss": float(step)}, step)
    assert run.flush(20)
    assert len(service.bodies) <= 2
    told = service.told("loss")
    assert 250 <= len(told) <= 1_000
    assert told[0] == 0.0
    assert told[-1] == 9999.0


def test_what_is_left_out_of_a_burst_is_said_once(
    service: Service, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(replace(QUICK, interval=600.0))
    for _ in range(2):
        for step in range(2_000):
            run.log({"loss": 1.0}, step)
        run.flush(20)
    assert len(caplog.messages) == 1
    assert "some are left out" in caplog.messages[0]


def test_log_does_not_wait_for_a_slow_operator(service: Service, run: Run) -> None:
    go_on = threading.Event()
    service.faults.append(Fault(200, until=go_on, stored=True, body=b'{"stop": false}'))
    run.log({"loss": 0.0})
    service.wait(lambda: len(service.bodies) == 1)
    for step in range(1, 1000):
        run.log({"loss": float(step)}, step)
    assert not run.flush(0.01)
    assert not service.stored
    go_on.set()
    assert run.flush(20)
    assert service.told("loss")[-1] == 999.0


def test_a_slow_answer_is_given_up_and_the_same_reports_are_sent_again(
    service: Service, make_run: MakeRun
) -> None:
    never = threading.Event()
    service.faults.append(Fault(200, until=never))
    run = make_run(replace(QUICK, request=0.05))
    run.log({"loss": 0.5})
    assert run.flush(20)
    never.set()
    assert service.sequences == [[1], [1]]
    assert service.told("loss") == [0.5]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(),
        Fault(500),
        Fault(502, body=b"<html>"),
        Fault(404),
        Fault(307, {"Location": "/elsewhere"}),
        Fault(429, {"Retry-After": "0"}),
        Fault(503, {"Retry-After": "soon"}),
        Fault(200, body=b"<html>a proxy's page</html>"),
        Fault(200, body=b""),
    ],
    ids=lambda fault: f"{fault.status}",
)
def test_a_request_that_fails_is_sent_again(service: Service, run: Run, fault: Fault) -> None:
    service.faults += [fault, fault]
    run.log({"loss": 0.5})
    assert run.flush(20)
    assert service.sequences == [[1], [1], [1]]
    assert service.told("loss") == [0.5]


def test_a_lost_answer_stores_nothing_twice(service: Service, run: Run) -> None:
    service.faults += [Fault(stored=True), Fault(503, stored=True)]
    run.log({"loss": 0.5})
    run.log({"loss": 0.4})
    assert run.finish({"accuracy": 0.9}, timeout=20)
    assert service.told("accuracy") == [0.9]
    assert service.told("loss") == [0.5, 0.4, 0.4]
    assert list(service.streams.values()) == [3]


def test_an_operator_that_comes_later_gets_all(closed_service: Service, make_run: MakeRun) -> None:
    with serving(closed_service) as service:
        port = int(service.url.split(":")[2].split("/")[0])
    run = make_run()
    run.log({"loss": 0.5})
    assert not run.flush(0.05)
    with serving(closed_service, port):
        closed_service.wait(lambda: closed_service.told("loss") == [0.5])


def test_that_nobody_answers_is_said_once(
    closed_service: Service, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(closed_service):
        pass
    run = make_run()
    for _ in range(3):
        run.log({"loss": 0.5})
        assert not run.flush(0.05)
    assert [message.count("will retry") for message in caplog.messages] == [1]


def test_retry_after_is_waited_for_and_a_little_more(
    service: Service, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    listen: Callable[[Sender, float], None] = Sender._listen

    def briefly(sender: Sender, seconds: float) -> None:
        pauses.append(seconds)
        listen(sender, min(seconds, 0.01))

    monkeypatch.setattr(Sender, "_listen", briefly)
    run = make_run()
    service.faults += [
        Fault(503, {"Retry-After": "7"}),
        Fault(429, {"Retry-After": "86400"}),
    ]
    run.log({"loss": 0.5})
    service.wait(lambda: service.told("loss") == [0.5])
    first, second = [pause for pause in pauses if pause > 1]
    assert 7.0 < first <= 7.0 + QUICK.longest_wait
    assert 300.0 < second <= 300.0 + QUICK.longest_wait


def test_waits_double_up_to_a_limit_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    timing = replace(QUICK, first_wait=1.0, longest_wait=30.0)
    sender = Sender(Endpoint("", "", 1.0), Notices(), timing)
    pauses = [sender._pause() for _ in range(2000)]
    for pause, most in zip(pauses, [1, 2, 4, 8, 16, 30, 30], strict=False):
        assert most / 2 <= pause <= most
    assert len(set(pauses[10:])) > 1900


def test_a_new_token_is_read_for_the_next_try(service: Service, run: Run) -> None:
    service.token = "the-next"
    run.log({"loss": 0.5})
    service.wait(lambda: len(service.bodies) >= 2)
    assert not service.stored
    service.token_file.write_text("the-next")
    assert run.flush(20)
    assert service.told("loss") == [0.5]


def test_a_token_that_is_not_there_yet_is_waited_for(service: Service, make_run: MakeRun) -> None:
    service.token_file.rename(service.folder / "later")
    run = make_run()
    run.log({"loss": 0.5})
    assert not run.flush(0.05)
    (service.folder / "later").rename(service.token_file)
    service.wait(lambda: service.told("loss") == [0.5])


@pytest.mark.parametrize("status", [403, 410])
def test_what_is_over_is_reported_no_more(
    service: Service, run: Run, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    service.faults.append(Fault(status))
    run.log({"loss": 0.5})
    assert run.flush(20)
    run.log({"loss": 0.4})
    run.mark_preempting()
    assert run.flush(20)
    assert not run.finish(timeout=20)
    assert len(service.bodies) == 1
    assert [message.count("nothing more is reported") for message in caplog.messages] == [1]


@pytest.mark.parametrize(("status", "stops"), [(403, False), (410, True)])
def test_a_program_whose_attempt_is_over_should_stop(
    service: Service, run: Run, status: int, stops: bool
) -> None:
    service.faults.append(Fault(status))
    run.log({"loss": 0.5})
    assert run.flush(20)
    assert run.should_stop is stops


def test_a_refused_batch_is_left_out_and_what_follows_is_sent(
    service: Service, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    service.faults += [Fault(400), Fault(400)]
    for value in (1.0, 2.0, 3.0):
        run.log({"loss": value})
        assert run.flush(20)
    assert service.told("loss") == [3.0]
    assert caplog.messages == ["sweep_run: reports are left out: as the test wants"]


def test_too_large_a_batch_is_sent_in_parts(service: Service, make_run: MakeRun) -> None:
    service.largest_body = 300
    run = make_run(replace(QUICK, interval=600.0))
    for step in range(20):
        run.log({"loss": float(step)}, step)
    assert run.flush(20)
    assert service.told("loss") == [float(step) for step in range(20)]


def test_one_report_that_is_too_large_is_left_out(service: Service, run: Run) -> None:
    service.largest_body = 200
    run.log({"x" * 250: 1.0})
    assert run.flush(20)
    run.log({"loss": 0.5})
    assert run.flush(20)
    assert [list(report.metrics) for report in service.stored] == [["loss"]]


def test_stop_is_passed_on_to_the_program(service: Service, run: Run) -> None:
    run.log({"loss": 0.5})
    assert run.flush(20)
    assert not run.should_stop
    service.stop = True
    run.log({"loss": 0.4})
    assert run.flush(20)
    assert run.should_stop


def test_a_preemption_is_told_at_once_and_before_all_else(
    service: Service, make_run: MakeRun
) -> None:
    run = make_run(replace(QUICK, interval=600.0))
    for step in range(150):
        run.log({"loss": 1.0}, step)
    run.mark_preempting()
    run.mark_preempting()
    service.wait(lambda: service.preempting)
    first = json.loads(service.bodies[0])[0]
    assert (first["sequence"], first["preempting"]) == (1, True)
    assert run.flush(20)
    assert sum(body.count(b"preempting") for body in service.bodies) == 1


def test_threads_may_log_at_the_same_time(service: Service, run: Run) -> None:
    def log(name: str) -> None:
        for step in range(40):
            run.log({name: float(step)}, step)

    threads = [threading.Thread(target=log, args=(f"of-{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.flush(20)
    for i in range(4):
        assert service.told(f"of-{i}") == [float(step) for step in range(40)]


def test_the_training_draws_the_same_random_numbers_as_without(service: Service, run: Run) -> None:
    state = random.getstate()
    service.faults += [Fault(500)] * 3
    run.log({"loss": 0.5})
    assert run.flush(20)
    assert random.getstate() == state


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "http://[", "ftp://127.0.0.1:1/", "http://a b/"]
)
def test_a_url_that_is_none_breaks_nothing(make_run: MakeRun, url: str) -> None:
    run = make_run(SWEEP_REPORT_URL=url)
    run.log({"loss": 0.5})
    assert not run.finish(timeout=0.05)
