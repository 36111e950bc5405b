"""Logging in by a program that the kubeconfig names: `exec`, as the clouds' clusters have it."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sweep_operator.client.errors import ClientError

Json = Mapping[str, Any]

EARLY: Final = timedelta(minutes=1)
"""So long before it expires an answer is no longer used."""

CLUSTER: Final = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
)
"""What the program is told of the cluster, if it wants to be."""

EXTENSION: Final = "client.authentication.k8s.io/exec"


class Login:
    """Such a program, and its last answer.

    Args:
        program: the user's `exec`.
        cluster: the cluster's entry.
    """

    def __init__(self, program: Json, cluster: Json) -> None:
        self._program = program
        self._cluster = cluster
        self._answer: Json = {}
        self._expires: datetime | None = None

    def authorization(self) -> str | None:
        """The header of that name."""
        token = self._current().get("token")
        return f"Bearer {token}" if token else None

    def certificate(self) -> Json:
        """A certificate, as a kubeconfig's user has it, if the program gives one."""
        answer = self._current()
        return {
            name: base64.b64encode(answer[field].encode()).decode()
            for name, field in (
                ("client-certificate-data", "clientCertificateData"),
                ("client-key-data", "clientKeyData"),
            )
            if answer.get(field)
        }

    def _current(self) -> Json:
        if not self._answer or (self._expires and datetime.now(UTC) > self._expires - EARLY):
            self._answer = self._asked()
            until = self._answer.get("expirationTimestamp")
            self._expires = datetime.fromisoformat(until) if until else None
        return self._answer

    def _asked(self) -> Json:
        command = [self._program["command"], *(self._program.get("args") or ())]
        given = {each["name"]: each["value"] for each in self._program.get("env") or ()}
        interactive = sys.stdin.isatty() and self._program.get("interactiveMode") != "Never"
        try:
            done = subprocess.run(  # noqa: S603 - the user's own
                command,
                env={**os.environ, **given, "KUBERNETES_EXEC_INFO": self._told(interactive)},
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                check=True,  # what is wrong, the program itself says on the error output
            )
            answer: Json = json.loads(done.stdout)["status"]
        except OSError as error:
            hint = self._program.get("installHint", "")
            raise _broken(f"{command[0]}: {error.strerror}. {hint}") from error
        except subprocess.CalledProcessError as error:
            raise _broken(f"{command[0]} has ended with {error.returncode}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise _broken(f"{command[0]} has answered with no ExecCredential") from error
        return answer

    def _told(self, interactive: bool) -> str:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._program.get("provideClusterInfo"):
            spec["cluster"] = {
                name: self._cluster[name] for name in CLUSTER if name in self._cluster
            }
            for each in self._cluster.get("extensions") or ():
                if each["name"] == EXTENSION:
                    spec["cluster"]["config"] = each["extension"]
        version = self._program.get("apiVersion")
        return json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})


def _broken(why: str) -> ClientError:
    return ClientError(f"the kubeconfig's login doesn't work: {' '.join(why.split())}")
