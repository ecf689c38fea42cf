"""``gateway partner`` as an operator uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from gateway.cli import partner as command
from gateway.cli.common import CommandError
from gateway.partners.errors import OperationError
from gateway.partners.operations import OPERATIONS
from gateway.store.base import Base

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HARBOR = "code: harbor\nname: Harbor Retail\nstatus: live\nids: {isa: {id: HARBOR}, as2: HARBOR}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory whose operations run on a database in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)

    def call(directory: Path, operation: str, /, **parameters: Any) -> Any:
        assert directory == tmp_path
        with Session(engine) as session, session.begin():
            try:
                result = OPERATIONS[operation](session, NOW, **json.loads(json.dumps(parameters)))
            except OperationError as error:
                raise CommandError(str(error), fix=error.fix, details=error.details) from error
        return json.loads(json.dumps(result))

    monkeypatch.setattr(command, "call", call)
    (tmp_path / "gateway.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    engine.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.partner_group, arguments)


def write(path: Path, text: str = HARBOR) -> str:
    path.write_text(text)
    return str(path)


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "harbor as2")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=10))
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def test_diff_shows_what_apply_then_does_and_a_second_apply_changes_nothing(home: Path) -> None:
    file = write(home / "harbor.yaml")
    told = run("diff", file)
    assert told.exit_code == 0
    assert "+ harbor  new partner (version 1)" in told.output
    assert '    ids.isa[0]: {"id": "HARBOR", "qualifier": "ZZ", "test": false}' in told.output
    assert "1 to create, 0 to update, 0 unchanged." in told.output
    done = run("apply", file, "--author", "kim", "--reason", "first")
    assert done.exit_code == 0
    assert "1 created, 0 updated, 0 unchanged." in done.output
    assert "0 created, 0 updated, 1 unchanged." in run("apply", file).output


def test_a_diff_can_fail_a_script_when_something_would_change(home: Path) -> None:
    file = write(home / "harbor.yaml")
    assert run("diff", file, "--exit-code").exit_code == 1
    run("apply", file)
    assert run("diff", file, "--exit-code").exit_code == 0


def test_a_change_is_shown_field_by_field_with_long_values_clipped(home: Path) -> None:
    run("apply", write(home / "h.yaml", HARBOR + f"notes: {'x' * 300}\ntags: [a]\n"))
    told = run("diff", write(home / "h.yaml", HARBOR + "as2: {url: 'https://h/'}\n")).output
    assert "as2.url: https://h/" in told
    assert "x…" in told
    assert "tags[0]: a → (removed)" in told


def test_a_certificate_is_shown_by_name_and_fingerprint(home: Path) -> None:
    (home / "harbor.pem").write_text(certificate())
    file = write(home / "h.yaml", HARBOR + "as2: {certificates: {file: harbor.pem}}\n")
    told = run("apply", file).output
    assert "CN=harbor as2, SHA-256 " in told
    assert "BEGIN CERTIFICATE" not in told
    assert "! The sign and encrypt certificate CN=harbor as2 ends on 2026-03-11, in 10 days" in told
    shown = run("show", "harbor").output
    assert "Certificate (sign, encrypt, active until 2026-03-11): CN=harbor as2" in shown
    (home / "harbor.pem").write_text(certificate())
    assert "as2.certificates[0].pem: CN=harbor as2" in run("diff", file).output


def test_every_mistake_of_every_file_is_told_with_its_line_and_nothing_is_changed(home: Path) -> None:
    bad = write(home / "bad.yaml", "code: bad\nname: Bad\nids:\n  isa_idd: x\n")
    result = run("apply", write(home / "harbor.yaml"), bad, str(home / "none.yaml"))
    assert result.exit_code == 1
    assert f"{bad}:4: ids.isa_idd: is not a field of a partner's profile. Did you mean isa?" in result.output
    assert "none.yaml: cannot be read: No such file or directory." in result.output
    assert "Nothing was changed." in result.output
    assert "no partners yet" in run("list").output


def test_a_clash_names_both_partners(home: Path) -> None:
    run("apply", write(home / "harbor.yaml"))
    result = run("apply", write(home / "b.yaml", HARBOR.replace("code: harbor", "code: twin")))
    assert result.exit_code == 1
    assert "of partner twin belongs to partner harbor already" in result.output


def test_the_list_is_a_table_or_json(home: Path) -> None:
    assert json.loads(run("list", "--json").output) == []
    run("apply", write(home / "harbor.yaml"))
    assert "harbor\tHarbor Retail\tlive\t1\tZZ:HARBOR\tHARBOR\t\t2 warnings" in run("list").output
    (entry,) = json.loads(run("list", "--json").output)
    assert entry["code"] == "harbor"


def test_show_tells_state_version_and_what_is_missing_then_the_settings(home: Path) -> None:
    run("apply", write(home / "h.yaml"), "--author", "kim", "--reason", "first")
    run("apply", write(home / "h.yaml", HARBOR + "notes: changed\n"), "--author", "lee")
    shown = run("show", "harbor").output
    assert shown.startswith("Harbor Retail (harbor) is live.\nVersion 2, ")
    assert "! No way to send is set" in shown
    assert "notes: changed" in shown
    assert "Version 1 of 2, 2026-03-01T12:00:00+00:00 by kim: first" in run("show", "harbor", "--version", "1").output
    assert json.loads(run("show", "harbor", "--json").output)["profile"]["notes"] == "changed"


def test_an_unknown_partner_is_a_sentence_and_exit_code_one(home: Path) -> None:
    result = run("show", "nobody")
    assert result.exit_code == 1
    assert 'There is no partner "nobody"' in result.output
    assert "Traceback" not in result.output


def test_history_shows_who_changed_what_and_restore_goes_back(home: Path) -> None:
    run("apply", write(home / "h.yaml"), "--author", "kim", "--reason", "first")
    run("apply", write(home / "h.yaml", HARBOR + "notes: changed\n"), "--author", "lee")
    told = run("history", "harbor").output
    assert 'Version 2 (current), 2026-03-01T12:00:00+00:00 by lee\n    notes: "" → changed' in told
    assert "by kim: first" in told
    result = run("restore", "harbor", "--version", "1", "--author", "kim")
    assert "~ harbor  changed (version 3)" in result.output
    versions = json.loads(run("history", "harbor", "--json").output)
    assert [entry["version"] for entry in versions] == [3, 2, 1]
    assert run("restore", "harbor", "--version", "9").exit_code == 1


def test_a_partner_is_paused_with_a_reason_and_resumed(home: Path) -> None:
    run("apply", write(home / "h.yaml", HARBOR), "--author", "kim")
    assert run("pause", "harbor").exit_code == 2
    result = run("pause", "harbor", "--reason", "They move.", "--author", "lee")
    assert (result.exit_code, "live → paused" in result.output) == (0, True)
    assert "paused → live" in run("resume", "harbor", "--author", "lee").output
    assert run("resume", "harbor").exit_code == 1


def test_wrong_usage_is_exit_code_two(home: Path) -> None:
    assert run("apply").exit_code == 2
    assert run("restore", "harbor").exit_code == 2
    assert run("show", "harbor", "--version", "0").exit_code == 2


def test_what_was_exported_is_what_would_be_applied(home: Path) -> None:
    run("apply", write(home / "h.yaml"), write(home / "b.yaml", "code: b\nname: B\n"))
    both = write(home / "both.yaml", run("export").output)
    assert "0 to create, 0 to update, 2 unchanged." in run("diff", both).output
    one = write(home / "one.yaml", run("export", "harbor").output)
    assert "0 to create, 0 to update, 1 unchanged." in run("diff", one).output
    assert json.loads(run("export", "harbor", "--json").output)[0]["code"] == "harbor"


def test_export_keeps_files_that_say_the_same_and_overwrites_only_when_forced(home: Path) -> None:
    run("apply", write(home / "h.yaml"), write(home / "b.yaml", "code: b\nname: B\n"))
    folder = home / "profiles"
    assert run("export", "-o", str(folder)).output.count(": written") == 2
    (folder / "harbor.yaml").write_text("# our own remark\n" + HARBOR)
    assert f"{folder / 'harbor.yaml'}: unchanged" in run("export", "-o", str(folder)).output
    assert "our own remark" in (folder / "harbor.yaml").read_text()
    (folder / "harbor.yaml").write_text(HARBOR + "notes: not applied\n")
    (folder / "b.yaml").write_text("no: partner\n")
    refused = run("export", "-o", str(folder))
    assert refused.exit_code == 1
    assert "say something else: b, harbor" in refused.output
    assert run("export", "-o", str(folder), "--force").output.count(": written") == 2
    assert "not applied" not in (folder / "harbor.yaml").read_text()


def test_export_to_a_place_that_is_no_folder_is_a_sentence(home: Path) -> None:
    run("apply", write(home / "h.yaml"))
    result = run("export", "-o", str(home / "h.yaml" / "x"))
    assert result.exit_code == 1
    assert "Name another folder" in result.output


def test_exporting_nothing_prints_nothing(home: Path) -> None:
    assert run("export").output == ""


def test_changes_are_printed_as_json_on_request(home: Path) -> None:
    told = json.loads(run("apply", write(home / "h.yaml"), "--json").output)
    assert (told["applied"], told["changes"][0]["action"]) == (True, "create")


def test_the_author_is_the_user_of_the_machine_unless_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command.getpass, "getuser", lambda: "pat")
    run("apply", write(home / "h.yaml"))
    assert "by pat" in run("history", "harbor").output

    def unknown() -> str:
        raise OSError

    monkeypatch.setattr(command.getpass, "getuser", unknown)
    run("apply", write(home / "h.yaml", HARBOR + "notes: x\n"))
    assert "by operator" in run("history", "harbor").output


def test_control_characters_in_a_profile_never_reach_the_terminal(home: Path) -> None:
    run("apply", write(home / "h.yaml", HARBOR.replace("Harbor Retail", '"Har\\ebor"')))
    assert "\x1b" not in run("show", "harbor").output
    assert "\x1b" not in run("list").output
