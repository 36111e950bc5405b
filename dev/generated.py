"""Files that are made from others: brought up to date, or looked at, by one program each."""

import argparse
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

Files = Iterable[tuple[Path, str | None]]
"""Each with the text that it is to have; None for one that is not to be there."""


def bring_up_to_date(program: str, description: str | None, files: Files) -> int:
    """Write what isn't as it is to be, or with --check tell of it; give the exit code.

    Args:
        program: its name, for --help.
        description: likewise.
        files: in order: what is made from an earlier one finds that written.
    """
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if not current")
    check = parser.parse_args().check
    stale = 0
    for path, text in files:
        if (path.read_text() if path.exists() else None) == text:
            continue
        stale += 1
        if not check:
            _write(path, text)
        verb = "is not current: run `make manifests`" if check else "written"
        print(f"{path.relative_to(REPOSITORY)} {verb}")
    return int(check and stale > 0)


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
