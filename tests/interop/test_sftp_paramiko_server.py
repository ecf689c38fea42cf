"""paramiko as the partner's server: our client fetches, puts, renames, survives cuts, and trusts pinned keys only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from gateway.messages.ports import Outcome
from gateway.store.engine import open_store
from gateway.store.migrations import upgrade
from tests.interop.paramiko_server import ParamikoServer
from tests.interop.wire import wire
from tests.transports.sftp.client.clientkit import Kit, interchange


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParamikoServer]:
    with ParamikoServer(tmp_path_factory.mktemp("paramiko").resolve()) as running:
        yield running


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "gateway.db"
    with open_store(path) as store:
        upgrade(store)
    return path


@pytest.fixture
def kit(server: ParamikoServer, database: Path, tmp_path: Path) -> Iterator[Kit]:
    path = tmp_path / "gateway.db"
    shutil.copy(database, path)
    with open_store(path) as store, Kit(store, server) as made:
        yield made


def test_files_are_fetched_in_the_order_of_their_times_and_removed(kit: Kit) -> None:
    for number in range(20):
        kit.offer(f"{20 - number:02}.edi", interchange(number), 1_770_000_000 + number)
    assert kit.poll().fetched == [f"{20 - number:02}.edi" for number in range(20)]
    assert kit.inbound.payloads == [interchange(number) for number in range(20)]
    assert kit.listed(kit.out) == []


def test_fetched_files_are_renamed_into_the_archive(kit: Kit) -> None:
    kit.agree(after_fetch="move", archive=str(kit.archive))
    for _ in range(2):
        kit.offer("po.edi", interchange())
        kit.poll()
        kit.pass_time(minutes=5)
        kit.offer("po.edi", interchange(2), 1_770_000_100)
        kit.poll()
    assert kit.listed(kit.out) == []
    assert "po.edi" in kit.listed(kit.archive) and len(kit.listed(kit.archive)) > 1


def test_a_large_file_arrives_whole_both_ways(kit: Kit) -> None:
    body = os.urandom(5_000_003)
    kit.offer("large.bin", body)
    assert kit.poll().fetched == ["large.bin"]
    assert kit.inbound.payloads == [body]
    assert kit.send(kit.item(body)).outcome is Outcome.CONFIRMED
    (name,) = kit.listed(kit.inn)
    assert (kit.inn / name).read_bytes() == body


def test_a_file_is_put_under_a_temporary_name_renamed_and_never_put_twice(kit: Kit) -> None:
    first = kit.send()
    assert first.outcome is Outcome.CONFIRMED and "renamed" in first.reason
    again = kit.send()
    assert again.outcome is Outcome.CONFIRMED and "already" in again.reason
    (name,) = kit.listed(kit.inn)
    assert (kit.inn / name).read_bytes() == interchange()


def test_another_file_of_the_name_is_replaced_only_where_the_profile_says_so(kit: Kit) -> None:
    name = kit.delivery.prepare(kit.item()).headers[0][1]
    (kit.inn / name).write_bytes(b"theirs")
    assert kit.send().outcome is Outcome.RETRY
    assert (kit.inn / name).read_bytes() == b"theirs"
    kit.agree(replace_existing=True)
    assert kit.send().outcome is Outcome.CONFIRMED
    assert (kit.inn / name).read_bytes() == interchange()


def test_a_fetch_that_is_cut_by_a_reset_stores_nothing_and_the_next_look_has_all_of_it(
    kit: Kit, server: ParamikoServer
) -> None:
    body = os.urandom(3_000_000)
    kit.offer("large.bin", body)
    with wire(server.port, 1_000_000) as line:
        kit.agree(port=line.port)
        assert "ended early" in kit.poll().stopped
        assert line.cuts == 1
        assert kit.inbound.received == [] and kit.listed(kit.out) == ["large.bin"]
        line.mend()
        assert kit.poll().fetched == ["large.bin"]
    assert kit.inbound.payloads == [body]


def test_a_put_that_is_cut_by_a_reset_shows_no_half_file_and_the_retry_delivers_once(
    kit: Kit, server: ParamikoServer
) -> None:
    item = kit.item(os.urandom(3_000_000))
    name = kit.delivery.prepare(item).headers[0][1]
    with wire(server.port, 1_000_000) as line:
        kit.agree(port=line.port)
        assert kit.send(item).outcome is Outcome.RETRY
        assert line.cuts == 1
        assert name not in kit.listed(kit.inn)
        line.mend()
        assert kit.send(item).outcome is Outcome.CONFIRMED
    assert kit.listed(kit.inn) == [name] and (kit.inn / name).read_bytes() == item.payload


def test_a_wrong_host_key_stops_both_ways_and_tells_staff(kit: Kit) -> None:
    kit.offer("po.edi", interchange())
    kit.agree(host_keys=[asyncssh.generate_private_key("ecdsa-sha2-nistp256").get_fingerprint()])
    assert "does not name" in kit.poll().stopped
    assert kit.send().outcome is Outcome.RETRY
    assert len(kit.mismatches) == 1
    assert kit.inbound.received == [] and kit.listed(kit.inn) == []


def test_a_new_host_key_is_trusted_beside_the_old_one(kit: Kit, server: ParamikoServer) -> None:
    kit.offer("po.edi", interchange())
    new = asyncssh.generate_private_key("ecdsa-sha2-nistp256").get_fingerprint()
    kit.agree(host_keys=[new, *server.fingerprints])
    assert kit.poll().fetched == ["po.edi"]


def test_a_login_key_that_the_partner_does_not_know_is_refused_in_words(kit: Kit) -> None:
    kit.targets.secrets["harbor-key"] = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    assert "refuses our login" in kit.poll().stopped
