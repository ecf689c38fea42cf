"""Reading ahead changes nothing of what a partner sees: only how often the store is asked."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from sftpkit import order

from gateway.transports.sftp.server.outlook import Outlook
from gateway.transports.sftp.server.tree import OUTBOX


def offer(server, count: int, size: int = 0) -> dict[str, bytes]:
    bodies = {f"{number:02}.edi": order(number, size) for number in range(count)}
    for name, body in bodies.items():
        server.offer(name, body)
    return bodies


def test_every_file_of_a_listing_is_what_was_laid_out(server) -> None:
    bodies = offer(server, 40)
    with server.paramiko() as sftp:
        names = sorted(set(sftp.listdir("/out")) - {"archive"})
        got = {}
        for name in names:
            assert sftp.stat(f"/out/{name}").st_size == len(bodies[name])
            with sftp.open(f"/out/{name}", "rb") as file:
                got[name] = file.read()
    assert got == bodies
    assert sorted(server.collected.seen) == sorted(("acme", f"tx-{name}") for name in bodies)


def test_one_look_answers_for_the_files_that_follow(server, monkeypatch) -> None:
    offer(server, 10)
    outlook = Outlook(server.mailbox, "acme")
    outlook.look()
    assert outlook.take("03.edi") is None
    found = outlook.fetch("03.edi")
    assert found is not None and found[1] == order(3)
    monkeypatch.setattr(server.mailbox, "opened", pytest.fail)
    assert [outlook.take(f"{n:02}.edi")[1] for n in range(4, 10)] == [order(n) for n in range(4, 10)]
    assert outlook.take("04.edi") is None


def test_what_has_left_the_outbox_is_not_known_any_more(server) -> None:
    offer(server, 3)
    outlook = Outlook(server.mailbox, "acme")
    outlook.look()
    outlook.fetch("00.edi")
    assert outlook.entry("01.edi") is not None
    gone = server.mailbox.find("acme", OUTBOX, "01.edi")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(server.mailbox.remove_offered, gone, "test").result()
    assert (outlook.entry("01.edi"), outlook.take("01.edi"), outlook.take("02.edi")) == (None, None, None)
    outlook.look()
    assert (outlook.entry("01.edi"), outlook.entry("02.edi") is None) == (None, False)
    assert outlook.fetch("01.edi") is None


def test_a_file_removed_by_another_session_is_gone_at_once(server) -> None:
    offer(server, 3)
    with server.paramiko() as one, server.paramiko() as other:
        one.listdir("/out")
        with one.open("/out/00.edi", "rb") as file:
            file.read()
        other.remove("/out/01.edi")
        with pytest.raises(FileNotFoundError):
            one.stat("/out/01.edi")
        with pytest.raises(FileNotFoundError):
            one.open("/out/01.edi", "rb")


def test_a_file_laid_out_after_the_listing_is_there(server) -> None:
    offer(server, 1)
    with server.paramiko() as sftp:
        sftp.listdir("/out")
        server.offer("late.edi", order(9))
        assert sftp.stat("/out/late.edi").st_size == len(order(9))
        with sftp.open("/out/late.edi", "rb") as file:
            assert file.read() == order(9)


def test_large_files_are_not_read_ahead(server) -> None:
    offer(server, 3, size=400_000)
    outlook = Outlook(server.mailbox, "acme")
    outlook.look()
    found = outlook.fetch("00.edi")
    assert found is not None
    os.close(found[1])
    assert outlook.take("01.edi") is None
