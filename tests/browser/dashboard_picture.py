"""Write docs/dashboard.png: `python -m tests.browser.dashboard_picture`, where Chromium is."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from tests.browser.chromium import opened
from tests.fakes.sweep_of_forty import sweep_of_forty

from sweep_operator.cli.serving import Server
from sweep_operator.report.study import SweepStudy

PICTURE = Path(__file__).parents[2] / "docs/dashboard.png"
HEIGHT = 1600
"""Down to the study's attributes."""

DRAWN = "document.getElementById('plot-history')?.data?.at(-1)?.x.length"
OUT_OF_THE_WAY = "document.querySelectorAll('.modebar').forEach((each) => each.remove())"


def main() -> None:
    """Make up a sweep that is over by now, and take a picture of its first page."""
    made, records = json.loads(json.dumps(sweep_of_forty(ended=True)).replace("2027-", "2026-"))
    study = SweepStudy(made)
    study.replace(records)
    with TemporaryDirectory() as folder, opened(Path(folder)) as tab, Server(0, study) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        tab.looks(1100, HEIGHT, "light")
        tab.visit(server.url, DRAWN)
        tab.until("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 4")
        tab.run(OUT_OF_THE_WAY)
        tab.screenshot(PICTURE)
        server.shutdown()


if __name__ == "__main__":
    main()
