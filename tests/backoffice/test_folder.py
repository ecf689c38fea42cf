"""Posting into folders: whole, durable, once, whatever the number looks like and wherever it crashes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from gateway.backoffice.folder import MARKER_DAYS, FolderBackOffice, posted_name
from gateway.messages.ports import PostingPort

ID = "11111111-2222-5333-8444-555555555555"
BODY = json.dumps({"kind": "order", "number": "4500012"}).encode()


def delivered(inbox: Path) -> list[str]:
    return sorted(str(p.relative_to(inbox)) for p in inbox.rglob("*") if p.is_file() and ".gateway" not in p.parts)


def test_a_document_appears_under_its_partner_with_kind_number_and_id(tmp_path: Path) -> None:
    office: PostingPort = FolderBackOffice(tmp_path / "inbox")
    result = office.post(ID, "acme", "order", "4500012", BODY)
    assert result.status == "created"
    assert result.reference == f"inbox/acme/order-4500012-{ID}.json"
    assert (tmp_path / result.reference).read_bytes() == BODY


def test_the_same_document_is_posted_once(tmp_path: Path) -> None:
    office = FolderBackOffice(tmp_path)
    first = office.post(ID, "acme", "order", "1", BODY)
    second = office.post(ID, "acme", "order", "1", b"other bytes")
    assert (first.status, second.status) == ("created", "exists")
    assert first.reference == second.reference
    assert (tmp_path / "acme" / posted_name("order", "1", ID)).read_bytes() == BODY


def test_a_document_that_the_consumer_took_away_is_not_posted_again(tmp_path: Path) -> None:
    office = FolderBackOffice(tmp_path)
    office.post(ID, "acme", "order", "1", BODY)
    (tmp_path / "acme" / posted_name("order", "1", ID)).unlink()
    assert office.post(ID, "acme", "order", "1", BODY).status == "exists"
    assert delivered(tmp_path) == []


@pytest.mark.parametrize(
    "number",
    [
        "../../../etc/passwd",
        "a/b\\c",
        "..",
        ".hidden",
        "x" * 300,
        "Zürich №5",
        "",
        "\x00\n\t",
        "a\ud800",
        "PO 1",
    ],
)
def test_a_hostile_number_stays_inside_the_partners_folder(tmp_path: Path, number: str) -> None:
    inbox = tmp_path / "deep" / "inbox"
    result = FolderBackOffice(inbox).post(ID, "acme", "order", number, BODY)
    assert result.status == "created"
    [name] = delivered(inbox)
    assert name.startswith("acme/order-")
    assert name.endswith(f"-{ID}.json")
    assert len(name) < 160
    assert [p for p in tmp_path.rglob("*") if p.is_file() and inbox not in p.parents] == []


@pytest.mark.parametrize("partner", ["../outside", "/etc", "a/b", ".gateway", ""])
def test_a_hostile_partner_name_makes_one_folder_in_the_inbox(tmp_path: Path, partner: str) -> None:
    inbox = tmp_path / "inbox"
    FolderBackOffice(inbox).post(ID, partner, "order", "1", BODY)
    [folder] = os.listdir(inbox)
    assert not folder.startswith(".")
    assert os.listdir(tmp_path) == ["inbox"]


@pytest.mark.parametrize("document_id", ["", "../x", "a/b", "x" * 65, "é"])
def test_an_id_that_is_not_ours_is_refused(tmp_path: Path, document_id: str) -> None:
    with pytest.raises(ValueError, match="not a document id"):
        FolderBackOffice(tmp_path).post(document_id, "acme", "order", "1", BODY)


def test_a_full_disk_is_an_error_and_the_next_try_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.backoffice import files

    office = FolderBackOffice(tmp_path)
    real = os.fsync

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        office.post(ID, "acme", "order", "1", BODY)
    assert delivered(tmp_path) == []
    monkeypatch.setattr(files.os, "fsync", real)
    assert office.post(ID, "acme", "order", "1", BODY).status == "created"


def test_nothing_but_whole_documents_is_visible_to_the_consumer(tmp_path: Path) -> None:
    office = FolderBackOffice(tmp_path)
    for n in range(20):
        office.post(str(uuid.UUID(int=n)), "acme", "order", str(n), BODY)
    seen = [name for name in os.listdir(tmp_path / "acme") if not name.startswith(".")]
    assert len(seen) == 20
    assert all((tmp_path / "acme" / name).read_bytes() == BODY for name in seen)


def test_markers_are_forgotten_after_a_month(tmp_path: Path) -> None:
    now = [1_000_000_000.0]
    office = FolderBackOffice(tmp_path, clock=lambda: now[0])
    office.post(ID, "acme", "order", "1", BODY)
    staging = tmp_path / "acme/.gateway"
    marker = staging / f"{ID}.posted"
    os.utime(marker, (now[0], now[0]))
    assert office.forget_old_markers(staging) == 0
    now[0] += (MARKER_DAYS + 1) * 86_400
    assert office.forget_old_markers(staging) == 1
    assert os.listdir(staging) == []


def test_old_markers_are_looked_for_while_posting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.backoffice import folder

    monkeypatch.setattr(folder, "_CLEAN_EVERY", 2)
    looked: list[Path] = []
    office = FolderBackOffice(tmp_path)
    monkeypatch.setattr(office, "forget_old_markers", lambda staging: looked.append(staging) or 0)
    for n in range(4):
        office.post(str(uuid.UUID(int=n)), "acme", "order", str(n), BODY)
    assert len(looked) == 2


_POST = """
import sys
from gateway.backoffice.folder import FolderBackOffice
print(FolderBackOffice(sys.argv[1]).post(sys.argv[2], "acme", "order", "1", b"{}").status)
"""


@pytest.mark.parametrize("point", ["post_before_marker", "post_before_rename", "post_after_rename"])
@pytest.mark.parametrize("taken", [False, True])
def test_a_crash_anywhere_delivers_exactly_one_file(tmp_path: Path, point: str, taken: bool) -> None:
    def post(fault: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "GATEWAY_FAULT": fault}
        return subprocess.run(
            [sys.executable, "-c", _POST, str(tmp_path), ID],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert post(point).returncode == -signal.SIGKILL
    received = delivered(tmp_path)
    assert len(received) == (1 if point == "post_after_rename" else 0)
    if taken:
        for name in received:
            (tmp_path / name).unlink()
    again = post("")
    assert again.returncode == 0, again.stderr
    received += [name for name in delivered(tmp_path) if name not in received]
    assert received == [f"acme/order-1-{ID}.json"]
    if taken and point == "post_after_rename":
        assert delivered(tmp_path) == []
