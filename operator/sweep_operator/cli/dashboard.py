"""`dashboard`: optuna-dashboard on a sweep's records, as they are and as they change."""

import argparse
import warnings
from importlib.util import find_spec

from sweep_operator.cli import target
from sweep_operator.client import ClientError

NEEDS_OPTUNA_DASHBOARD = "dashboard needs optuna-dashboard: pip install 'sweep-operator[dashboard]'"


def run(options: argparse.Namespace) -> int:
    """Serve a sweep's page until it is interrupted."""
    if find_spec("optuna_dashboard") is None:
        raise ClientError(NEEDS_OPTUNA_DASHBOARD)
    from sweep_operator.cli.live import Live  # noqa: PLC0415
    from sweep_operator.cli.serving import Server  # noqa: PLC0415 (it needs Optuna, 0.5 s)
    from sweep_operator.report.study import SweepStudy  # noqa: PLC0415

    warnings.filterwarnings("ignore", module="optuna")  # of importances of what few runs have
    found = target.sweep(options)
    study = SweepStudy(found.object)
    with Server(options.port, study) as server, Live(found, study, target.connection(options)):
        print(f"{study.name}: {server.url} (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0
