"""`watch`: how far a sweep has come, as it goes on; a picture on a terminal, elsewhere lines."""

import argparse
import shutil
import sys
from datetime import UTC, datetime
from typing import Final

from sweep_operator.api.plain import plain
from sweep_operator.cli.look import TROUBLES, counted, pairs
from sweep_operator.cli.output import lasting, painted
from sweep_operator.cli.target import sweep
from sweep_operator.client import Sweep

BAR: Final = 40
_SETTLED: Final = ("finished", "failed", "crashed", "killed")
_UP_AND_CLEAR: Final = "\x1b[{}A\x1b[J"


def run(options: argparse.Namespace) -> int:
    """Show a sweep until it is at rest."""
    found = sweep(options)
    terminal = sys.stdout.isatty()
    shown: list[str] = []
    for state in found.follow():
        now = datetime.now(UTC)
        lines = picture(state, now) if terminal else [line(state, now)]
        if lines != shown or terminal:
            if terminal and shown:
                print(_UP_AND_CLEAR.format(len(shown)), end="")
            width = shutil.get_terminal_size().columns
            cut = [each[:width] for each in lines] if terminal else lines
            print("\n".join(cut).replace(state.phase, painted(state.phase), 1), flush=True)
            shown = lines
        if state.at_rest:
            break
    return 0


def picture(found: Sweep, now: datetime) -> list[str]:
    """A sweep in a few lines."""
    ended, whole = _ended(found), found.spec.get("runCap")
    filled = BAR * min(ended, whole) // whole if whole else 0
    bar = f"[{'#' * filled}{'.' * (BAR - filled)}] " if whole else ""
    lines = [
        f"{found.namespace}/{found.name}  {found.phase}",
        f"{bar}{ended}{f' of {whole}' if whole else ''} runs ended{_pace(found, now)}",
        counted(found),
    ]
    if best := found.status.get("best"):
        lines.append(f"best {best['value']:.6g}, run {best['number']}: {pairs(best)}")
    lines += [f"{kind}: {found.said(kind)}" for kind in TROUBLES if found.holds(kind)]
    return [plain(each) for each in lines]


def line(found: Sweep, now: datetime) -> str:
    """The same in one line, for a log."""
    whole = found.spec.get("runCap")
    told = [found.phase, f"{_ended(found)}{f'/{whole}' if whole else ''} ended", counted(found)]
    if best := found.status.get("best"):
        told.append(f"best {best['value']:.6g} (run {best['number']})")
    told += [kind for kind in TROUBLES if found.holds(kind)]
    return f"{now:%H:%M:%S} {'; '.join(filter(None, told))}"


def _ended(found: Sweep) -> int:
    return sum(found.counts.get(phase, 0) for phase in _SETTLED)


def _pace(found: Sweep, now: datetime) -> str:
    """How many runs end in a minute, and how long the rest will take at that pace.

    Of a sweep that makes no runs there is none to tell.
    """
    started, ended = found.status.get("startTime"), _ended(found)
    if started is None or not ended or found.phase != "Running":
        return ""
    seconds = max((now - datetime.fromisoformat(started)).total_seconds(), 1.0)
    left = max((found.spec.get("runCap") or 0) - ended, 0)
    rest = f", about {lasting(left * seconds / ended)} left" if left else ""
    return f", {60 * ended / seconds:.3g} a minute{rest}"
