"""How things are printed."""

import pytest

from sweep_operator.cli.output import age, dumped, table


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    shown = table(["NAME", "VALUE"], [["a", 0.1], ["longer", None]])
    assert shown == "NAME     VALUE\na        0.1\nlonger\n"


class TestColour:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        return monkeypatch

    @pytest.mark.usefixtures("terminal")
    def test_on_a_terminal_a_status_has_one_and_columns_stay_straight(self) -> None:
        shown = table(["STATUS", "REASON"], [["Failed", "Failed"], ["Finished", None]])
        assert shown == (
            "STATUS     REASON\n\x1b[31mFailed\x1b[0m     Failed\n\x1b[32mFinished\x1b[0m\n"
        )

    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
    def test_none_where_that_is_asked_for(
        self, terminal: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        terminal.setenv(name, value)
        assert table(["STATUS"], [["Failed"]]) == "STATUS\nFailed\n"

    def test_none_in_what_is_no_terminal(self) -> None:
        assert table(["STATUS"], [["Failed"]]) == "STATUS\nFailed\n"


def test_a_template_is_filled() -> None:
    assert dumped({"a": {"b": 1}}, "jsonpath={.a.b}") == "1"


@pytest.mark.parametrize(
    ("until", "shown"),
    [
        ("2026-01-01T00:01:59Z", "119s"),
        ("2026-01-01T03:00:00Z", "3h"),
        ("2026-02-01T00:00:00Z", "31d"),
    ],
)
def test_ages_are_written_as_kubectl_writes_them(until: str, shown: str) -> None:
    assert age("2026-01-01T00:00:00Z", until) == shown
