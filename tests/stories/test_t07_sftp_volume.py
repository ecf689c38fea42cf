"""Story: a partner that sends much. One file of 512 MiB, both ways, and a thousand small ones in one session each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.demo.company import wait_for
from tests.faults.faultskit import query
from tests.faults.orders import purchase_order
from tests.interop.opensshkit import require_openssh
from tests.stories.mailbox import MailboxStory, mailbox_story

pytestmark = [pytest.mark.real, pytest.mark.slow]
require_openssh()

MEBIBYTE = 1024 * 1024
SIZE = 512 * MEBIBYTE
#: How much more memory than before the gateway may ever have had.
RISE = 64 * MEBIBYTE
MANY = 1000


@pytest.fixture
def story(tmp_path: Path) -> Iterator[MailboxStory]:
    with mailbox_story(tmp_path) as made:
        yield made


def big_file(path: Path, size: int = SIZE) -> str:
    """One interchange with a very long order of very many remarks; its SHA-256."""
    small = purchase_order(1)
    head, tail = small[: small.index(b"CTT*")], small[small.index(b"CTT*") :]
    remark = b"PID*F****" + b"x" * 77 + b"~\n"
    digest, block = hashlib.sha256(), remark * (MEBIBYTE // len(remark))
    with path.open("wb") as file:
        blocks, rest = divmod(size - len(small), len(block))
        remarks, blanks = divmod(rest, len(remark))
        for part in (head, *[block] * blocks, remark * remarks, tail, b"\n" * blanks):
            file.write(part)
            digest.update(part)
    assert path.stat().st_size == size
    return digest.hexdigest()


def memory(pid: int, line: str) -> int:
    """Bytes of a line of the process's status: VmRSS now, VmHWM the most since ``clear_refs``."""
    for text in Path(f"/proc/{pid}/status").read_text().splitlines():
        if text.startswith(line):
            return int(text.split()[1]) * 1024
    raise AssertionError(f"{line} is not told of process {pid}.")


@contextmanager
def bounded_memory(story: MailboxStory, what: str, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """The gateway's memory never rises by more than RISE meanwhile."""
    pid = story.gateway.process.pid
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before = memory(pid, "VmRSS")
    yield
    rise = memory(pid, "VmHWM") - before
    with capsys.disabled():
        print(f"\n{what}: {rise / MEBIBYTE:.1f} MiB more than the {before / MEBIBYTE:.0f} MiB before")
    assert rise <= RISE


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux's /proc")
def test_a_file_of_512_mib_goes_both_ways_in_bounded_memory(
    story: MailboxStory, capsys: pytest.CaptureFixture[str]
) -> None:
    story.agree(max_file_bytes=SIZE)
    story.partner.file("po.edi", purchase_order(2))
    story.partner.sftp("put po.edi in/")
    story.await_count("mailbox_file WHERE folder = 'out'", 1)
    story.partner.sftp("get out/*.edi")  # everything that is loaded on first use is loaded
    source = story.partner.folder / "big.edi"
    digest = big_file(source)

    with bounded_memory(story, "512 MiB in", capsys):
        story.partner.sftp("put big.edi in/", seconds=300)
        ask = f"SELECT processing, reason, size FROM transmission WHERE payload_sha256 = '{digest}'"
        ended = wait_for("A decision", lambda: [row for row in query(story.gateway, ask) if row[0] != "received"], 120)
    (processing, reason, size) = ended[0]
    assert (processing, size, len(ended)) == ("held", SIZE, 1)
    assert "536,870,912 bytes" in reason and "104,857,600" in reason
    stored = story.gateway.home / "blobs" / digest[:2] / digest
    with stored.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest

    story.lay_out("big-again.edi", stored)
    with bounded_memory(story, "512 MiB out", capsys):
        story.partner.sftp("get out/big-again.edi got.edi", seconds=300)
    with (story.partner.folder / "got.edi").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    assert story.count("mailbox_file WHERE name = 'big-again.edi' AND state = 'collected'") == 1
    for path in (source, story.partner.folder / "got.edi", stored):
        path.unlink()


def test_a_thousand_files_are_uploaded_in_one_session_and_a_thousand_collected_in_another(story: MailboxStory) -> None:
    sent, waiting, got = (story.partner.folder / name for name in ("sent", "waiting", "got"))
    for folder in (sent, waiting, got):
        folder.mkdir()
    for number in range(1, MANY + 1):
        (sent / f"po-{number:04}.edi").write_bytes(purchase_order(number))
        (waiting / f"855-{number:04}.edi").write_bytes(purchase_order(number + MANY))
        story.lay_out(f"855-{number:04}.edi", waiting / f"855-{number:04}.edi")

    story.partner.sftp("cd in", f"mput {sent}/*.edi")
    story.partner.sftp("cd out", f"lcd {got}", "get 855-*.edi")

    taken = [
        digest for (digest,) in query(story.gateway, "SELECT wire_sha256 FROM transmission WHERE direction = 'in'")
    ]
    assert len(taken) == MANY and set(taken) == digests(sent)
    assert {path.name for path in got.iterdir()} == {path.name for path in waiting.iterdir()}
    assert digests(got) == digests(waiting)
    assert story.count("mailbox_file WHERE name LIKE '855-%' AND state = 'collected'") == MANY
    assert "855-" not in story.partner.sftp("ls -1 out/")
    posted = story.posted()  # as far as the back office has got by now
    assert len(posted) == len(set(posted))


def digests(folder: Path) -> set[str]:
    """SHA-256 of every file."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
