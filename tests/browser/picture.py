"""Write docs/report.png: `python -m tests.browser.picture`, where Chromium is."""

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.browser.chromium import opened
from tests.fakes.sweep_of_forty import now_of, sweep_of_forty

from sweep_operator.report.page import page

PICTURE = Path(__file__).parents[2] / "docs/report.png"
HEIGHT = 1660
"""Down to the end of the parallel coordinates."""


def main() -> None:
    """Make up a sweep, and take a picture of the top of its page."""
    sweep, records = sweep_of_forty()
    with TemporaryDirectory() as folder, opened(Path(folder)) as tab:
        file = Path(folder) / "digits.html"
        file.write_text(page(sweep, records, now_of(records)), encoding="utf-8")
        tab.looks(1100, HEIGHT, "light")
        tab.open(file)
        tab.screenshot(PICTURE)


if __name__ == "__main__":
    main()
