"""What only one partner can have: what clashes, what does not, and how a clash is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from gateway.partners import registry
from gateway.partners.errors import PartnerClashError
from gateway.partners.operations import op_partner_apply
from gateway.partners.profile import PartnerProfile

SERVER = {"host": "sftp.van.example", "user": "us", "host_keys": "SHA256:" + "A" * 43}


def partner(code: str, **fields: Any) -> PartnerProfile:
    return PartnerProfile(**{"code": code, "name": code.title(), "status": "live", **fields})


def apply(session: Session, now: datetime, *profiles: PartnerProfile) -> None:
    registry.apply(session, profiles, "kim", "", now)


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ({"sftp": {"hosted": {"user": "acme"}}}, {"sftp": {"hosted": {"user": "acme"}}}, 'SFTP user name "acme"'),
        (
            {"http": {"tokens": [{"secret": "t/1"}, {"secret": "t/2"}]}},
            {"http": {"tokens": [{"secret": "t/2"}]}},
            'HTTP token "t/2"',
        ),
        ({"folder": {"inbound": "van/in"}}, {"folder": {"inbound": "van//x/../in/"}}, 'folder "van/in"'),
        ({"folder": {"inbound": "/srv/x"}}, {"folder": {"outbound": "/srv/x"}}, 'folder "/srv/x"'),
        ({"folder": {"outbound": "/srv/x"}}, {"folder": {"inbound": "/srv/x/"}}, 'folder "/srv/x"'),
        (
            {"sftp": SERVER},
            {"sftp": {**SERVER, "host": "SFTP.van.example"}},
            'directory "out" (pattern *) of us@sftp.van.example:22',
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_what_another_partner_has_is_refused_naming_both(
    session: Session, now: datetime, one: dict[str, Any], other: dict[str, Any], what: str, together: bool
) -> None:
    first, second = partner("first", **one), partner("second", **other)
    if not together:
        apply(session, now, first)
    with pytest.raises(PartnerClashError) as caught:
        apply(session, now, *([first, second] if together else [second]))
    assert str(caught.value) == f"The {what} of partner second belongs to partner first already."
    assert [partner.code for _, partner in registry.list_partners(session)] == ([] if together else ["first"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"sftp": {"hosted": {"user": "acme"}}}, {"sftp": {"hosted": {"user": "acme2"}}}),
        ({"folder": {"outbound": "van/out"}}, {"folder": {"outbound": "van/out"}}),
        ({"sftp": {**SERVER, "pattern": "a-*"}}, {"sftp": {**SERVER, "pattern": "b-*"}}),
        ({"sftp": {**SERVER, "inbound": "a"}}, {"sftp": {**SERVER, "inbound": "b"}}),
        ({"sftp": SERVER}, {"sftp": {**SERVER, "fetch": False}}),
        ({"http": {"client_certificates": ["ab" * 32]}}, {"http": {"client_certificates": ["ab" * 32]}}),
    ],
)
def test_what_partners_may_share_is_taken(
    session: Session, now: datetime, one: dict[str, Any], other: dict[str, Any]
) -> None:
    apply(session, now, partner("first", **one), partner("second", **other))
    apply(session, now, partner("third", **other | {"sftp": {}}))


def test_a_folder_that_one_partner_reads_is_not_one_that_two_others_share(session: Session, now: datetime) -> None:
    apply(session, now, *(partner(code, folder={"outbound": "x"}) for code in ("a", "b")))
    with pytest.raises(PartnerClashError, match="of partner c belongs to partner a"):
        apply(session, now, partner("c", folder={"inbound": "x"}))


def test_a_partner_does_not_read_the_folder_that_it_writes_to(session: Session, now: datetime) -> None:
    with pytest.raises(PartnerClashError, match='a reads and writes the same folder "x"'):
        apply(session, now, partner("a", folder={"inbound": "x", "outbound": "./x"}))


def test_a_user_name_is_free_when_its_partner_retires_or_changes_it(session: Session, now: datetime) -> None:
    account = {"sftp": {"hosted": {"user": "acme"}}}
    apply(session, now, partner("first", **account))
    apply(session, now, partner("first", **account), partner("third", sftp={"hosted": {"user": "third"}}))
    apply(session, now, partner("first", status="retired", **account))
    apply(session, now, partner("second", **account))
    apply(session, now, partner("second"), partner("third", **account))


def test_two_partners_may_swap_user_names_in_one_plan(session: Session, now: datetime) -> None:
    names = ({"sftp": {"hosted": {"user": "one"}}}, {"sftp": {"hosted": {"user": "two"}}})
    apply(session, now, partner("a", **names[0]), partner("b", **names[1]))
    apply(session, now, partner("a", **names[1]), partner("b", **names[0]))


FIRST = "code: first\nname: First\nsftp:\n  hosted:\n    user: acme\n"
SECOND = "code: second\nname: Second\nhttp: {tokens: {secret: t}}\nsftp: {hosted: {user: acme}}\n"


def file(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "text": text}


def test_a_clash_is_told_with_file_and_line_of_both_partners(session: Session, now: datetime) -> None:
    files = [file("first.yaml", FIRST), file("second.yaml", SECOND)]
    for dry_run in (True, False):
        with pytest.raises(PartnerClashError) as caught:
            op_partner_apply(session, now, files=files, author="kim", dry_run=dry_run)
        assert caught.value.details == (
            'second.yaml:4: sftp.hosted.user: The SFTP user name "acme" of partner second belongs to partner first '
            "already (first.yaml:5).",
        )
        assert caught.value.message == caught.value.details[0]


def test_a_clash_with_a_stored_partner_is_told_with_the_line_that_is_known(session: Session, now: datetime) -> None:
    op_partner_apply(session, now, files=[file("first.yaml", FIRST + "http: {tokens: {secret: t}}\n")], author="kim")
    with pytest.raises(PartnerClashError) as caught:
        op_partner_apply(session, now, files=[file("second.yaml", SECOND)], author="kim")
    already = "of partner second belongs to partner first already."
    assert caught.value.details == (
        f'second.yaml:4: sftp.hosted.user: The SFTP user name "acme" {already}',
        f'second.yaml:3: http.tokens[0].secret: The HTTP token "t" {already}',
    )


def test_a_partner_that_reads_what_it_writes_is_told_with_its_line(session: Session, now: datetime) -> None:
    text = "code: a\nname: A\nfolder:\n  inbound: x\n  outbound: x\n"
    with pytest.raises(PartnerClashError) as caught:
        op_partner_apply(session, now, files=[file("a.yaml", text)], author="kim")
    (told,) = caught.value.details
    assert told.startswith("a.yaml:5: folder.outbound: Partner a reads and writes the same folder")
