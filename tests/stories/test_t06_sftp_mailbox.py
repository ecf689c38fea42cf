"""Story: a partner with OpenSSH and a mailbox here. It uploads orders, collects answers, and changes its keys."""

from __future__ import annotations

from collections.abc import Iterator

import asyncssh
import pytest

from tests.faults.orders import purchase_order
from tests.interop.opensshkit import require_openssh
from tests.interop.wire import wire
from tests.stories.mailbox import MailboxStory, mailbox_story, public

pytestmark = pytest.mark.real
require_openssh()

LONG_AGO = "2020-01-01T00:00:00Z"
FAR_AHEAD = "2099-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailboxStory]:
    with mailbox_story(tmp_path_factory.mktemp("mailbox")) as made:
        yield made


@pytest.fixture
def story(running: MailboxStory) -> MailboxStory:
    """Every test begins with the first agreement and an honest server."""
    running.agree()
    running.partner.serves(running.port, running.host_key())
    return running


def order_of(story: MailboxStory, number: int) -> str:
    """Wait until an order is in the back office, once."""
    name = f"PO-{number:04}"
    story.await_count(f"document WHERE processing = 'posted' AND number = '{name}'", 1)
    assert story.posted().count(name) == 1
    return name


def test_an_order_is_uploaded_and_its_997_collected_once(story: MailboxStory) -> None:
    story.partner.file("po.edi", purchase_order(1))
    story.partner.sftp("put po.edi in/po.edi")
    order_of(story, 1)
    story.await_count("mailbox_file WHERE folder = 'out'", 1)
    story.partner.sftp("get out/*.edi")
    (answer,) = story.partner.folder.glob("harbor_997_*.edi")
    assert b"AK1*PO*1~" in answer.read_bytes() and b"AK9*A*1*1*1~" in answer.read_bytes()
    assert story.count("transmission WHERE direction = 'out' AND delivery = 'confirmed'") == 1
    assert "997" not in story.partner.sftp("ls out/")
    assert "997" in story.partner.sftp("ls out/archive/*/")


def test_scp_uploads_an_order(story: MailboxStory) -> None:
    story.partner.file("po.edi", purchase_order(2))
    story.partner.scp("-p", "po.edi", "harbor@127.0.0.1:/in/")
    order_of(story, 2)


def test_an_order_under_a_temporary_name_waits_for_its_rename(story: MailboxStory) -> None:
    story.partner.file("po.edi", purchase_order(3))
    story.partner.sftp("put po.edi in/po-3.edi.tmp")
    assert story.count("mailbox_file WHERE state = 'held'") == 1
    assert "PO-0003" not in story.posted()
    story.partner.sftp("rename in/po-3.edi.tmp in/po-3.edi")
    order_of(story, 3)


@pytest.mark.slow
def test_an_upload_that_is_cut_by_a_reset_is_not_processed_and_reput_goes_on_with_it(story: MailboxStory) -> None:
    body, key = purchase_order(4, 45_000), story.host_key()
    story.partner.file("large.edi", body)
    # A reset takes what was not read yet with it: 2 MiB at most, the window of the channel.
    with wire(story.port, 3_000_000) as line:
        story.partner.serves(line.port, key)
        assert story.partner.try_sftp("put large.edi in/large.edi").returncode != 0
        assert line.cuts == 1
        story.await_count("mailbox_file WHERE state = 'aborted'", 1)
        assert "PO-0004" not in story.posted()
        line.mend()
        story.partner.sftp("reput large.edi in/large.edi")
    order_of(story, 4)
    assert story.count("mailbox_file WHERE state = 'aborted'") == 0


def test_a_collection_that_is_cut_by_a_reset_is_none_and_the_file_is_offered_until_all_of_it_was_read(
    story: MailboxStory,
) -> None:
    key, source = story.host_key(), story.partner.folder / "catalogue.edi"
    source.write_bytes(purchase_order(5, 60_000))
    story.lay_out("catalogue.edi", source)
    with wire(story.port, 2_000_000) as line:
        story.partner.serves(line.port, key)
        assert story.partner.try_sftp("get out/catalogue.edi got.edi").returncode != 0
        assert line.cuts == 1
        assert story.count("mailbox_file WHERE name = 'catalogue.edi' AND state = 'available'") == 1
        line.mend()
        story.partner.sftp("reget out/catalogue.edi got.edi")
    assert (story.partner.folder / "got.edi").read_bytes() == source.read_bytes()
    story.partner.serves(story.port, key)
    # The rest alone is not the file: it goes when one session has read every byte.
    assert "catalogue.edi" in story.partner.sftp("ls -1 out/")
    story.partner.sftp("get out/catalogue.edi got.edi")
    assert "catalogue.edi" not in story.partner.sftp("ls -1 out/")


def test_a_key_is_rolled_over_without_a_day_on_which_neither_works(story: MailboxStory) -> None:
    new = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    story.partner.own(new, "new")
    assert "Permission denied" in story.partner.try_sftp("ls", key="new").stderr
    story.agree({"key": public(story.key), "valid_until": FAR_AHEAD}, {"key": public(new)})
    for key in ("ssh-ed25519", "new"):
        story.partner.sftp("ls", key=key)
    story.agree({"key": public(story.key), "valid_until": LONG_AGO}, {"key": public(new)})
    assert "Permission denied" in story.partner.try_sftp("ls", key="ssh-ed25519").stderr
    story.partner.sftp("ls", key="new")


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_a_partner_that_pinned_any_of_our_host_keys_recognises_us(story: MailboxStory, kind: str) -> None:
    story.partner.serves(story.port, story.host_key(kind))
    story.partner.sftp("ls")


def test_a_partner_that_pinned_another_host_key_sends_nothing(story: MailboxStory) -> None:
    story.partner.serves(story.port, public(asyncssh.generate_private_key("ssh-ed25519")))
    story.partner.file("po.edi", purchase_order(9))
    done = story.partner.try_sftp("put po.edi in/po-9.edi")
    assert done.returncode != 0 and "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr
    assert story.count("mailbox_file WHERE name = 'po-9.edi'") == 0
