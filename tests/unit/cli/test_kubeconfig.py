"""Which cluster is talked to and as whom: what kubectl reads out of the same files."""

import base64
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from tests.unit.cli.api_server import Server

from sweep_operator.client import ClientError, Connection, kubeconfig
from sweep_operator.client.kubeconfig import Access, access

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's own folder, in which there is nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


def config(name: str = "here", *, user: Json | None = None, **cluster: Any) -> Json:
    """One of one cluster, user and context, which all have the same name."""
    return {
        "clusters": [{"name": name, "cluster": {"server": f"http://{name}", **cluster}}],
        "users": [{"name": name, "user": user or {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def written(file: Path, found: Json) -> str:
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(yaml.safe_dump(found))
    return str(file)


def logged_in(home: Path, **user: Any) -> Access:
    return access(written(home / "config", config(user=user)), None)


def refused(file: str | None, context: str | None = None) -> str:
    with pytest.raises(ClientError) as told:
        access(file, context)
    return str(told.value)


class TestWhich:
    def test_that_of_the_home_folder(self, home: Path) -> None:
        written(home / ".kube" / "config", config())
        assert access(None, None).host == "http://here"

    def test_that_of_the_variable_before_it(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(home / ".kube" / "config", config())
        monkeypatch.setenv("KUBECONFIG", written(home / "other", config("other")))
        assert access(None, None).host == "http://other"

    def test_that_of_the_flag_before_all(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KUBECONFIG", written(home / "other", config("other")))
        assert access(written(home / "flag", config("flag")), None).host == "http://flag"

    def test_of_several_files_the_first_one_that_has_a_name_says_it(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = written(home / "1", config("a") | {"current-context": ""})
        second = written(home / "2", config("b") | {"clusters": config("b")["clusters"]})
        third = written(home / "3", config("a", **{"tls-server-name": "not this one"}))
        monkeypatch.setenv("KUBECONFIG", f"{first}:{home}/none:{second}:{third}")
        assert access(None, None).host == "http://b"
        assert access(None, "a").server_name is None

    def test_a_context_by_its_name(self, home: Path) -> None:
        both, other = config(), config("other")
        for kind in ("clusters", "users", "contexts"):
            both[kind] += other[kind]
        assert access(written(home / "config", both), "other").host == "http://other"

    def test_its_namespace(self, home: Path) -> None:
        found = config()
        assert access(written(home / "config", found), None).namespace == "default"
        found["contexts"][0]["context"]["namespace"] = "ml"
        assert access(written(home / "config", found), None).namespace == "ml"

    def test_its_proxy(self, home: Path) -> None:
        found = config(**{"proxy-url": "http://proxy:1"})
        assert access(written(home / "config", found), None).proxy == "http://proxy:1"

    def test_in_a_pod_its_service_account(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, authority: Path
    ) -> None:
        monkeypatch.setattr(kubeconfig, "POD", home)
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
        (home / "token").write_text("t\n")
        (home / "namespace").write_text("ml\n")
        (home / "ca.crt").write_bytes(authority.read_bytes())
        found = access(None, None)
        assert (found.host, found.namespace) == ("https://[fd00::1]:443", "ml")
        assert found.authorization() == "Bearer t"
        (home / "token").write_text("the next one\n")
        assert found.authorization() == "Bearer the next one"
        (home / "ca.crt").unlink()
        assert refused(None).startswith(f"no cluster to talk to: {home}: ")


class TestWho:
    def test_nobody(self, home: Path) -> None:
        assert logged_in(home).authorization() is None

    def test_by_a_token(self, home: Path) -> None:
        assert logged_in(home, token="t").authorization() == "Bearer t"

    def test_by_a_file_beside_the_kubeconfig_as_it_is_now(self, home: Path) -> None:
        (home / "token").write_text("t\n")
        found = logged_in(home, tokenFile="token", token="older")
        assert found.authorization() == "Bearer t"
        (home / "token").write_text("the next one")
        assert found.authorization() == "Bearer the next one"
        (home / "token").unlink()
        with pytest.raises(ClientError, match="token: No such file"):
            found.authorization()

    def test_by_a_password(self, home: Path) -> None:
        said = logged_in(home, username="eve", password="pä").authorization()
        assert said == f"Basic {base64.b64encode('eve:pä'.encode()).decode()}"

    def test_by_a_provider_that_kubernetes_has_given_up(self, home: Path) -> None:
        claims = base64.urlsafe_b64encode(json.dumps({"exp": 10**10}).encode()).decode().rstrip("=")
        provider = {"name": "oidc", "config": {"id-token": f"a.{claims}.c"}}
        assert logged_in(home, **{"auth-provider": provider}).authorization() == (
            f"Bearer a.{claims}.c"
        )


LOGIN = """
import json, os, sys
from pathlib import Path
told = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
Path("told.json").write_text(json.dumps([told, sys.argv[1:], os.environ.get("REGION")]))
counted = Path("counted")
counted.write_text(str(int(counted.read_text()) + 1 if counted.exists() else 1))
status = {"token": "t" + counted.read_text(), **json.loads(os.environ.get("STATUS", "{}"))}
print(json.dumps({"kind": "ExecCredential", "status": status}))
"""


class TestLogin:
    @pytest.fixture(autouse=True)
    def _here(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(home)

    @staticmethod
    def program(text: str = LOGIN, **more: Any) -> Json:
        version = "client.authentication.k8s.io/v1"
        return {"apiVersion": version, "command": sys.executable, "args": ["-c", text], **more}

    def test_a_program_gives_a_token_and_is_asked_once(self, home: Path) -> None:
        found = logged_in(home, exec=self.program())
        assert [found.authorization() for _ in range(3)] == ["Bearer t1"] * 3

    def test_it_is_asked_again_before_its_token_expires(self, home: Path) -> None:
        status = json.dumps({"expirationTimestamp": "2026-01-01T00:00:00Z"})
        found = logged_in(home, exec=self.program(env=[{"name": "STATUS", "value": status}]))
        assert found.authorization() != found.authorization()

    def test_it_has_its_arguments_its_variables_and_what_it_is_asked(self, home: Path) -> None:
        program = self.program(env=[{"name": "REGION", "value": "eu"}])
        program["args"] += ["get-token"]
        logged_in(home, exec=program).authorization()
        told, arguments, region = json.loads(Path("told.json").read_text())
        assert told == {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "spec": {"interactive": False},
        }
        assert (arguments, region) == (["get-token"], "eu")

    def test_it_is_told_the_cluster_if_it_wants_to_be(self, home: Path) -> None:
        extension = {"name": "client.authentication.k8s.io/exec", "extension": {"realm": "x"}}
        found = config(user={"exec": self.program(provideClusterInfo=True)}, extensions=[extension])
        access(written(home / "config", found), None).authorization()
        told = json.loads(Path("told.json").read_text())[0]
        assert told["spec"]["cluster"] == {"server": "http://here", "config": {"realm": "x"}}

    def test_it_may_be_beside_the_kubeconfig(self, home: Path) -> None:
        (home / "folder").mkdir()
        file = home / "folder" / "login"
        file.write_text('#!/bin/sh\necho \'{"status": {"token": "t"}}\'\n')
        file.chmod(0o755)
        found = config(user={"exec": self.program() | {"command": "./login", "args": None}})
        told = access(written(home / "folder" / "config", found), None)
        assert told.authorization() == "Bearer t"

    @pytest.mark.parametrize(
        ("program", "said"),
        [
            (
                {"command": "no-such-login", "installHint": "Install\nit."},
                "no-such-login: No such file or directory. Install it.",
            ),
            ({"args": ["-c", "raise SystemExit(3)"]}, f"{sys.executable} has ended with 3"),
            ({"args": ["-c", "print(1)"]}, f"{sys.executable} has answered with no ExecCredential"),
        ],
    )
    def test_one_that_does_not_work_is_told(self, program: Json, said: str, home: Path) -> None:
        found = config(user={"exec": self.program() | program})
        said = f"the kubeconfig's login doesn't work: {said}"
        assert refused(written(home / "config", found)) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"current-context": None}, "says no current-context: name one by --context"),
        ({"clusters": []}, "has no cluster 'here'"),
        ({"users": []}, "has no user 'here'"),
        ({"contexts": []}, "has no context 'here'"),
        ({"clusters": [{"name": "here", "cluster": {}}]}, "says no server of 'here'"),
        ({"clusters": [{"cluster": {"server": "x"}}]}, "is no kubeconfig"),
        ({"users": "x"}, "is no kubeconfig"),
        ({"users": [{"name": "here", "user": {"exec": {"args": []}}}]}, "is no kubeconfig"),
    ],
)
def test_what_is_missing_in_a_kubeconfig_is_told(change: Json, said: str, home: Path) -> None:
    file = written(home / "config", config() | change)
    assert refused(file) == (
        f"no cluster to talk to: {file} {said}. Name a kubeconfig by --kubeconfig or KUBECONFIG"
    )


def test_that_there_is_none_is_told(home: Path) -> None:
    assert f"there is no file {home}/.kube/config." in refused(None)
    assert f"there is no file {home}/none." in refused(f"{home}/none")


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({"certificate-authority": "none"}, {}),
        ({"certificate-authority-data": "bm9uZQ=="}, {}),
        ({"certificate-authority-data": "%"}, {}),
        ({}, {"client-certificate": "none"}),
        ({}, {"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="}),
    ],
)
def test_a_certificate_that_is_none_is_told(cluster: Json, user: Json, home: Path) -> None:
    file = written(home / "config", config(user=user, **cluster))
    assert refused(file).startswith(f"no cluster to talk to: {file}: ")


def test_an_authority_may_be_as_old_as_kubectl_lets_it_be(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_of_python_3_13(**given: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", as_of_python_3_13)
    tls = access(written(home / "config", config(server="https://here")), None).tls
    assert tls is not None
    assert not tls.verify_flags & ssl.VERIFY_X509_STRICT


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of cluster.test's, with its key behind it."""
    file = tmp_path_factory.mktemp("tls") / "cluster.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=cluster.test", "-keyout", "-", "-out", "-"),
            *("-addext", "subjectAltName=DNS:cluster.test"),
        ],
        capture_output=True,
        check=True,
    )
    file.write_bytes(made.stdout)
    return file


class TestTls:
    @pytest.fixture
    def server(self, authority: Path) -> Iterator[Server]:
        """One that lets nobody in who has no certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority)
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
        with Server() as found:
            found.socket = context.wrap_socket(found.socket, server_side=True)
            found.answers["GET", "/version"] = 200, {"ok": True}
            Thread(target=found.serve_forever, args=(0.01,), daemon=True).start()
            yield found
            found.shutdown()

    @staticmethod
    def asked(home: Path, server: Server, user: Json, **cluster: Any) -> Json:
        url = server.url.replace("http:", "https:")
        file = written(home / "config", config(user=user, server=url, **cluster))
        return Connection(file).get("/version")

    def test_certificates_may_be_in_files_beside_the_kubeconfig(
        self, home: Path, server: Server, authority: Path
    ) -> None:
        (home / "tls.pem").write_bytes(authority.read_bytes())
        user = {"client-certificate": "tls.pem", "client-key": "tls.pem"}
        there = {"certificate-authority": "tls.pem", "tls-server-name": "cluster.test"}
        assert self.asked(home, server, user, **there) == {"ok": True}

    def test_certificates_may_be_in_the_kubeconfig(
        self, home: Path, server: Server, authority: Path
    ) -> None:
        data = base64.b64encode(authority.read_bytes()).decode()
        user = {"client-certificate-data": data, "client-key-data": data}
        there = {"certificate-authority-data": data, "tls-server-name": "cluster.test"}
        assert self.asked(home, server, user, **there) == {"ok": True}

    def test_a_login_may_give_one(self, home: Path, server: Server, authority: Path) -> None:
        pem = authority.read_text()
        status = {"clientCertificateData": pem, "clientKeyData": pem}
        (home / "status.json").write_text(json.dumps({"status": status}))
        login = {"apiVersion": "v1", "command": "cat", "args": [f"{home}/status.json"]}
        there = {"certificate-authority": str(authority), "tls-server-name": "cluster.test"}
        assert self.asked(home, server, {"exec": login}, **there) == {"ok": True}

    def test_a_server_of_another_name_or_authority_is_not_talked_to(
        self, home: Path, server: Server, authority: Path
    ) -> None:
        user = {"client-certificate": str(authority), "client-key": str(authority)}
        with pytest.raises(ClientError, match="certificate verify failed: IP address mismatch"):
            self.asked(home, server, user, **{"certificate-authority": str(authority)})
        with pytest.raises(ClientError, match="certificate verify failed: self"):
            self.asked(home, server, user, **{"tls-server-name": "cluster.test"})

    def test_unless_the_kubeconfig_wants_it_unchecked(
        self, home: Path, server: Server, authority: Path, recwarn: pytest.WarningsRecorder
    ) -> None:
        user = {"client-certificate": str(authority), "client-key": str(authority)}
        unchecked = {"insecure-skip-tls-verify": True}
        assert self.asked(home, server, user, **unchecked) == {"ok": True}
        assert not recwarn.list
