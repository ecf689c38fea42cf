"""The parts without a network: names, ranges, completeness, algorithms, host keys, limits, passwords."""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import os
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sftpkit import ISA, ORDER, host_keys

from gateway.partners.transfers import HostedSftp
from gateway.transports.sftp.hostkeys import fingerprint, load_host_keys, read_host_key
from gateway.transports.sftp.names import (
    NameRefusedError,
    checked_name,
    decoded_path,
    is_temporary,
    path_parts,
    safe_name,
    with_id,
)
from gateway.transports.sftp.server import staging
from gateway.transports.sftp.server.bans import address_key
from gateway.transports.sftp.server.completeness import incomplete
from gateway.transports.sftp.server.intake import Fate, fate_of, marked_names, resend_identities
from gateway.transports.sftp.server.limits import ConnectionCounts, HourlyCount, MemoryBudget, SftpLimits
from gateway.transports.sftp.server.passwords import PasswordChecker, hash_password, is_hash
from gateway.transports.sftp.server.ranges import MAX_RANGES, ByteRanges
from gateway.transports.sftp.server.staging import Upload
from gateway.transports.sftp.server.tree import Kind, Place, place_of, shown_path

MAILBOX = HostedSftp()


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))), st.integers(0, 60))
def test_ranges_cover_a_file_exactly_when_every_byte_was_touched(spans, size) -> None:
    ranges, touched = ByteRanges(), set()
    for start, end in spans:
        ranges.add(start, end)
        touched |= set(range(start, end))
    assert ranges.cover(size) is (set(range(size)) <= touched)
    runs = sum(1 for byte in touched if byte - 1 not in touched)
    assert ranges.count == runs


def test_touching_a_file_in_too_many_places_is_refused() -> None:
    ranges = ByteRanges()
    with pytest.raises(ValueError, match="separate places"):
        for number in range(MAX_RANGES + 1):
            ranges.add(number * 2, number * 2 + 1)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (b"", Place(Kind.ROOT)),
        (b"/", Place(Kind.ROOT)),
        (b"in", Place(Kind.INBOX, "in")),
        (b"/in/./x.edi", Place(Kind.IN_FILE, "in", "x.edi")),
        (b"/../../in//x.edi/", Place(Kind.IN_FILE, "in", "x.edi")),
        (b"in/../out", Place(Kind.OUTBOX, "out")),
        (b"/out/x", Place(Kind.OUT_FILE, "out", "x")),
        (b"/out/archive", Place(Kind.ARCHIVE, "archive")),
        (b"/out/archive/20260301", Place(Kind.DAY, "archive/20260301")),
        (b"/out/archive/20260301/x", Place(Kind.ARCHIVED, "archive/20260301", "x")),
        (b"/out/archive/x.edi", Place(Kind.ARCHIVED, "archive", "x.edi")),
        (b"/in/a/b", None),
        (b"/out/a/b", None),
        (b"/out/archive/20260301/x/y", None),
        (b"/etc/passwd", None),
    ],
)
def test_a_path_means_one_place_of_the_mailbox_or_none(path: bytes, place: Place | None) -> None:
    assert place_of(path, MAILBOX) == place


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "a\nb", "a\x00", "\u202ea", " a", "a ", "x" * 201, "é" * 101, "\ud800", "\u2028"],
)
def test_names_that_no_mailbox_takes(name: str) -> None:
    with pytest.raises(NameRefusedError):
        checked_name(name)


@pytest.mark.parametrize("path", [b"\xff", b"a\x00b", b"x" * 1025])
def test_paths_that_no_mailbox_takes(path: bytes) -> None:
    with pytest.raises(NameRefusedError):
        decoded_path(path)


@given(st.binary(max_size=60))
def test_a_shown_path_is_its_own_normal_form(path: bytes) -> None:
    try:
        shown = shown_path(path)
    except NameRefusedError:
        return
    assert shown_path(shown) == shown
    assert ".." not in path_parts(shown)


def test_made_names_are_safe_and_stable() -> None:
    assert safe_name("../../etc/pass wd\n") == "etc_pass_wd"
    assert safe_name("...") == "message"
    assert len(safe_name("x" * 500)) == 120
    assert with_id("a.edi", "0123-4567-89abcdef") == "a-89abcdef.edi"


@given(st.text(max_size=12), st.lists(st.text("ab.*?[]~!x", max_size=6), max_size=4))
@example("a.TMP", ["*.tmp"])
@example("a", [])
def test_temporary_names_are_those_of_any_shell_pattern(name: str, patterns: list[str]) -> None:
    wanted = any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
    assert is_temporary(name, patterns) is wanted


@pytest.mark.parametrize(
    ("name", "temporary"), [("a.TMP", True), ("~a", True), (".a", True), ("a.edi", False), ("a.tmp.edi", False)]
)
def test_temporary_names_are_told_by_pattern_in_any_case(name: str, temporary: bool) -> None:
    assert is_temporary(name) is temporary


WHOLE = [
    ORDER,
    ORDER + b"\r\n",
    ORDER + ORDER,
    b"\xef\xbb\xbf" + ORDER,
    ORDER.replace(b"~", b"~\r\n"),
    ORDER.replace(b"~", b"\n"),
    ORDER + b"\x1a",
    b"UNA:+.? 'UNB+X'UNZ+1+1'",
    b"UNB+X'UNZ+1+1'\n",
    b"<a/>",
    b'<?xml version="1.0"?><!-- <b> --><a:Order x="1">text</a:Order>\n<!-- end --> <?done?>\n',
    b"<!DOCTYPE a [<!ELEMENT a ANY>]><a></a >",
    b"plain text of a kind we do not know",
    "<a/>".encode("utf-16"),
]
CUT = [
    b"",
    b" \r\n",
    ORDER[:100],
    ORDER[:-1],
    ORDER[:-10],
    ISA,
    ORDER + ORDER[:150],
    b"UNB+X'UNT+1+1'",
    b"<a><b></b>",
    b"<a>text</a",
    b"<!-- <a></a> --><b>",
    b"<a><!-- </a> -->",
]


@pytest.mark.parametrize("body", WHOLE)
def test_whole_content_passes(body: bytes) -> None:
    assert incomplete(body[:8192], body[-8192:], len(body)) is None


@pytest.mark.parametrize("body", CUT)
def test_cut_content_is_told(body: bytes) -> None:
    assert incomplete(body[:8192], body[-8192:], len(body))


@given(st.binary(max_size=300))
def test_any_bytes_get_an_opinion(body: bytes) -> None:
    for start in (b"", b"ISA", b"UNA", b"UNB", b"<", b"<a"):
        incomplete(start + body, start + body, len(start + body))


def test_the_fate_of_a_name_by_mode() -> None:
    modes = {
        ("close", "a.edi", False): Fate.RECEIVE,
        ("close", "a.tmp", False): Fate.HOLD,
        ("rename", "a.edi", False): Fate.HOLD,
        ("rename", "a.edi", True): Fate.RECEIVE,
        ("rename", "a.tmp", True): Fate.HOLD,
        ("marker", "a.edi", False): Fate.HOLD,
        ("marker", "a.edi.DONE", False): Fate.MARKER,
        ("marker", ".done", False): Fate.HOLD,
        ("quiet", "a.edi", True): Fate.HOLD,
    }
    for (mode, name, renamed), fate in modes.items():
        assert fate_of(name, HostedSftp(complete=mode), renamed=renamed) is fate, (mode, name)
    assert marked_names("a.edi.done", HostedSftp()) == ("a.edi", "a.edi.")


def test_a_resend_is_known_in_its_window_and_the_one_after() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    present, before = resend_identities("acme", "a", "x", 24, at)
    assert resend_identities("acme", "a", "x", 24, at.replace(day=2))[1] == present
    assert len({present, before, resend_identities("acme", "b", "x", 24, at)[0]}) == 3


def test_host_keys_are_of_three_kinds_and_openssh_agrees_on_their_fingerprints(tmp_path) -> None:
    made = host_keys()
    assert [key.algorithm for key in made] == ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]
    for key in made:
        path = tmp_path / key.file_name
        path.write_bytes(key.private)
        path.chmod(0o600)
        assert read_host_key(key.private) == key
        shown = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True).stdout
        assert key.fingerprint in shown
    assert load_host_keys(tmp_path) == made


def test_host_keys_that_others_can_read_or_that_are_missing_are_refused(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="gateway init"):
        load_host_keys(tmp_path)
    path = tmp_path / host_keys()[0].file_name
    path.write_bytes(host_keys()[0].private)
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="0600"):
        load_host_keys(tmp_path)
    with pytest.raises(ValueError, match="one line"):
        fingerprint("nonsense")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "not an address"),
    ],
)
def test_addresses_are_counted_by_their_owner(address: str, key: str) -> None:
    assert address_key(address) == key


def test_connections_are_counted_by_all_their_limits() -> None:
    counts = ConnectionCounts(SftpLimits(connections=3, connections_per_address=2, unauthenticated=2))
    for _ in range(2):
        assert counts.refusal("192.0.2.1", 0) == ""
        counts.opened("192.0.2.1")
    assert counts.refusal("192.0.2.2", 0) == "too many connections that have not logged in"
    assert counts.logged_in("acme", 1)
    assert not counts.logged_in("acme", 1)
    assert counts.refusal("192.0.2.1", 0) == "too many connections of this address"
    counts.opened("192.0.2.2")
    assert counts.refusal("192.0.2.3", 0) == "too many connections"
    counts.closed("192.0.2.1", "acme")
    counts.closed("192.0.2.1", None)
    counts.closed("192.0.2.2", None)
    assert (counts.total, counts.unauthenticated) == (0, 0)
    slow = ConnectionCounts(SftpLimits(connections_per_minute=1))
    assert slow.refusal("192.0.2.1", 0) == ""
    assert "in a minute" in slow.refusal("192.0.2.1", 30)
    assert slow.refusal("192.0.2.1", 61) == ""


def test_an_hourly_count_forgets_after_an_hour() -> None:
    count = HourlyCount()
    assert count.allow(0, 1)
    assert not count.allow(10, 1)
    assert count.allow(3601, 1)
    assert all(count.allow(0, None) for _ in range(10))


def test_passwords_are_argon2id_and_the_checker_never_falls_for_a_missing_one() -> None:
    stored = hash_password("correct horse battery")
    assert is_hash(stored)
    with pytest.raises(ValueError, match="12 characters"):
        hash_password("short")
    checker = PasswordChecker()

    async def check() -> list[bool]:
        pairs = [(stored, "correct horse battery"), (stored, "x"), (None, "x"), ("$argon2id$broken", "x")]
        long = await checker.check(stored, "x" * 5000)
        return [*[await checker.check(*pair) for pair in pairs], long]

    assert asyncio.run(check()) == [True, False, False, False, False]
    assert checker.checked == 4
    checker.close()


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=200)), max_size=12), st.integers(0, 300))
def test_an_upload_is_what_its_writes_say_in_memory_and_in_its_file(tmp_path_factory, writes, limit) -> None:
    path = tmp_path_factory.getbasetemp() / "an-upload"
    upload, model, budget = None, bytearray(), MemoryBudget(500)
    upload = Upload("id", path, budget, limit)
    for offset, data in writes:
        if upload.fits(offset, data):
            upload.write_memory(offset, data)
        else:
            upload.write_file(offset, data)
            upload.settle()
        model.extend(bytes(max(offset + len(data) - len(model), 0)))
        model[offset : offset + len(data)] = data
    finished = upload.finish()
    assert finished.read() == bytes(model)
    assert finished.sha256 == hashlib.sha256(model).hexdigest()
    upload.truncate(len(model) // 2)
    assert upload.finish(keep=True).read() == bytes(model[: len(model) // 2])
    upload.release()
    upload.settle()
    assert budget.left == 500
    path.unlink(missing_ok=True)


def test_a_large_upload_comes_to_the_disk_while_it_goes_on(tmp_path, monkeypatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(staging, "_SYNC_EVERY", 1000)
    monkeypatch.setattr(staging.os, "fdatasync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    upload = Upload("id", tmp_path / "staged", MemoryBudget(500), 0)
    for number in range(7):
        upload.write_file(number * 400, bytes(400))
    assert synced == [1200, 2400]
    upload.release()
