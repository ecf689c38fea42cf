"""Operations of an opened working directory: partners, secrets and status, for commands and control socket alike."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.partners.errors import OperationError, PartnerNotFoundError
from gateway.service import OPERATIONS, Context, open_context
from gateway.settings import company_named
from gateway.store.secrets import get_secret
from gateway.workdir import make_working_directory


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("company")
    make_working_directory(path, company_named("Alpine Supply"), now=datetime.now(UTC), listen="127.0.0.1:0")
    return path


@pytest.fixture
def context(home: Path) -> Iterator[Context]:
    opened = open_context(home)
    yield opened
    opened.close()


def run(context: Context, operation: str, **parameters: Any) -> Any:
    return json.loads(json.dumps(OPERATIONS[operation](context, parameters)))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def stored(context: Context, name: str) -> bytes:
    with context.store.read() as session:
        return get_secret(session, context.kek, name)


def test_a_plain_secret_is_kept_and_never_listed(context: Context) -> None:
    run(context, "secret.put", name="harbor-password", kind="plain", value=encoded("correct horse"))
    assert stored(context, "harbor-password") == b"correct horse"
    listed = run(context, "secret.list")["secrets"]
    assert "harbor-password" in {entry["name"] for entry in listed}
    assert "correct horse" not in json.dumps(listed)


def test_a_partners_password_is_kept_as_its_hash_only(context: Context) -> None:
    run(context, "secret.put", name="login", kind="password-hash", value=encoded("a long enough password"))
    assert stored(context, "login").startswith(b"$argon2id$")


def test_a_short_password_is_refused_with_the_reason(context: Context) -> None:
    with pytest.raises(OperationError, match="12 characters"):
        run(context, "secret.put", name="login", kind="password-hash", value=encoded("short"))


def test_a_token_is_given_once_and_only_its_digest_kept(context: Context) -> None:
    token = run(context, "secret.put", name="door", kind="token")["token"]
    assert token.encode() not in stored(context, "door")
    assert len(stored(context, "door")) == 64


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"name": "x", "kind": "riddle", "value": ""}, "not a kind"),
        ({"name": "x", "kind": "plain", "value": ""}, "empty"),
        ({"name": "x", "kind": "plain"}, "no value"),
        ({"name": "setup-code", "kind": "plain", "value": "eA=="}, "the gateway itself"),
    ],
)
def test_what_cannot_be_stored_is_told(context: Context, parameters: dict[str, str], words: str) -> None:
    with pytest.raises(OperationError, match=words):
        run(context, "secret.put", **parameters)


def test_a_secret_is_removed_but_never_a_key_of_the_gateway(context: Context) -> None:
    run(context, "secret.put", name="old", kind="plain", value=encoded("x"))
    assert run(context, "secret.delete", name="old")["deleted"]
    with pytest.raises(OperationError, match="no secret"):
        run(context, "secret.delete", name="old")
    with pytest.raises(OperationError, match="the gateway itself"):
        run(context, "secret.delete", name="ssh-host-ssh-ed25519")


def test_the_status_shows_the_fingerprints_of_our_sftp_server(context: Context) -> None:
    status = run(context, "status")
    assert len(status["ssh_host_keys"]) == 3
    assert all(key.startswith("SHA256:") for key in status["ssh_host_keys"])
    assert status["counts"]["cases"] == 0


def test_polling_and_testing_name_a_partner_that_is_not_there(context: Context) -> None:
    for operation in ("partner.poll", "partner.test"):
        with pytest.raises(PartnerNotFoundError):
            run(context, operation, name="nobody")


def test_a_partner_without_a_server_is_told_what_is_missing(context: Context) -> None:
    text = "code: harbor\nname: Harbor Retail\nids: {isa: [{id: HARBOR}]}\n"
    run(context, "partner.apply", files=[{"name": "harbor.yaml", "text": text}], author="test")
    result = run(context, "partner.test", name="harbor")
    assert not result["ok"]
    assert "sftp.host" in result["steps"][0]["sentence"]
    assert run(context, "partner.poll", name="harbor")["partner"] == "harbor"


def test_a_problem_with_a_partners_server_becomes_one_case(context: Context) -> None:
    context.doors._wrong_host_key("harbor", "sftp.harbor.example", "SHA256:abc")
    context.doors._problem("harbor", "login", "The server does not let us in.")
    context.doors._problem("harbor", "login", "The server does not let us in.")
    context.store.writer.run(lambda session: None)
    cases = run(context, "case.list")["cases"]
    assert len(cases) == 2
    assert any("SHA256:abc" in case["title"] for case in cases)


def test_the_command_line_stores_lists_and_removes_secrets(home: Path, tmp_path: Path) -> None:
    def gateway(*arguments: str, code: int = 0, **options: Any) -> str:
        result = CliRunner().invoke(cli, ["secret", *arguments, "--dir", str(home)], **options)
        assert result.exit_code == code, result.output
        return result.output

    file = tmp_path / "value"
    file.write_text("from a file\n")
    assert "is stored" in gateway("put", "one", "--file", str(file))
    assert "is stored" in gateway("put", "two", input="typed\ntyped\n")
    assert "shown only now" in gateway("put", "three", "--token")
    assert json.loads(gateway("put", "four", "--token", "--json"))["kind"] == "token"
    assert "makes its own value" in gateway("put", "five", "--token", "--hash", code=2)
    assert "cannot be read" in gateway("put", "six", "--file", str(tmp_path / "missing"), code=2)
    listed = gateway("list")
    assert all(name in listed for name in ("one", "two", "three", "four"))
    assert {entry["name"] for entry in json.loads(gateway("list", "--json"))} >= {"one", "two"}
    assert "removed" in gateway("delete", "one")
    assert "no secret" in gateway("delete", "one", code=1)


def test_a_role_that_cannot_run_by_itself_is_refused(home: Path) -> None:
    from gateway.service.run import run as run_service

    with pytest.raises(OperationError, match="one process"):
        run_service(home, "web")
