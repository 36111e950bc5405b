"""Write the usage of each command into its page: `python -m tests.cli_pages`, or with --check."""

import argparse
import sys
from collections.abc import Sequence

from tests.cli_pages.pages import FOLDER, OVERVIEW, problems, usages, with_usage


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, or only check, and tell what is wrong; returns the exit code."""
    command = argparse.ArgumentParser(description="Write the usages in docs/cli/.")
    command.add_argument("--check", action="store_true", help="only tell what is wrong")
    check = command.parse_args(arguments).check
    wanted = usages()
    pages = {page.stem: page.read_text() for page in FOLDER.glob("*.md")}
    if not check:
        pages |= {name: with_usage(pages[name], wanted[name]) for name in pages.keys() & wanted}
        for name, text in pages.items():
            (FOLDER / f"{name}.md").write_text(text)
    found = list(problems(pages, OVERVIEW.read_text(), wanted))
    for file, what in found:
        print(f"{file}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
