"""Accounts made from profiles: what a profile says is what a login finds."""

from __future__ import annotations

import ipaddress

import asyncssh
import pytest
from pydantic import ValidationError
from sftpkit import NOW, client_key
from sqlalchemy import update

from gateway.partners import registry
from gateway.partners.directory import Directory
from gateway.partners.models import PartnerVersion
from gateway.partners.profile import PartnerProfile, Status, canonical_json
from gateway.partners.transfers import HostedSftp
from gateway.transports.sftp.server.accounts import ProfileAccounts, account_from_profile, allowed
from gateway.transports.sftp.server.passwords import hash_password

KEY = client_key().export_public_key("openssh").decode().strip()


def profile(code: str = "acme", status: Status = Status.LIVE, **hosted) -> PartnerProfile:
    return PartnerProfile(code=code, name=code, status=status, sftp={"hosted": {"user": code, "keys": [KEY], **hosted}})


def apply(store, *profiles: PartnerProfile) -> None:
    store.writer.run(lambda session: registry.apply(session, list(profiles), "test", "because", NOW))


def accounts(store, secrets=None) -> ProfileAccounts:
    return ProfileAccounts(store.read, Directory(store.read), secrets)


def test_an_account_has_the_keys_networks_and_settings_of_its_profile() -> None:
    dated = {"key": KEY, "valid_until": "2026-12-31", "allow_from": "192.0.2.0/24"}
    made = account_from_profile(profile(keys=[KEY, dated], allow_from=["192.0.2.7"], complete="rename"))
    assert (made.partner, made.user, made.mailbox.complete) == ("acme", "acme", "rename")
    assert made.networks == (ipaddress.ip_network("192.0.2.7"),)
    assert made.keys[0].fingerprint == client_key().get_fingerprint()
    assert made.keys[1].networks == (ipaddress.ip_network("192.0.2.0/24"),)
    assert made.keys[1].valid_until.isoformat() == "2026-12-31T23:59:59+00:00"


def test_a_retired_partner_has_no_account() -> None:
    assert account_from_profile(profile(status=Status.RETIRED)) is None


def test_a_paused_partner_keeps_its_account_so_that_what_it_sends_is_stored() -> None:
    assert account_from_profile(profile(status=Status.PAUSED)) is not None


@pytest.mark.parametrize("kind", ["ssh-dss", "ssh-rsa", "ecdsa-sha2-nistp521", "nonsense"])
def test_a_key_that_is_too_weak_or_unknown_is_left_out_and_the_rest_works(kind: str, caplog) -> None:
    size = {"key_size": 1024} if kind == "ssh-rsa" else {}
    key = "nonsense" if kind == "nonsense" else ""
    key = key or asyncssh.generate_private_key(kind, **size).export_public_key("openssh").decode()
    made = account_from_profile(profile(keys=[key, KEY]))
    assert len(made.keys) == 1
    assert "is not used" in caplog.text


def test_the_directory_follows_the_stored_profiles(store) -> None:
    apply(store, profile("acme"), profile("harbor", legacy_algorithms=["hmac-sha1"], legacy_until="2026-05-01",
                                          allow_from="192.0.2.1"))  # fmt: skip
    found = accounts(store)
    assert found.account("acme").partner == "acme"
    assert found.account("nobody") is None
    assert found.of_partner("harbor").user == "harbor"
    assert [(e.partner, "hmac-sha1" in e.algorithms.macs) for e in found.exceptions()] == [("harbor", True)]
    apply(store, profile("acme", Status.RETIRED), profile("harbor", user="new-name"))
    assert found.account("acme") is None
    assert found.account("new-name").partner == "harbor"
    assert found.exceptions() == []


def test_two_partners_with_one_user_name_are_both_refused(store, caplog) -> None:
    apply(store, profile("acme", user="same"), profile("harbor"))
    clash = canonical_json(profile("harbor", user="same"))  # stored before `apply` refused it

    def store_clash(session) -> None:
        session.execute(update(PartnerVersion).where(PartnerVersion.partner == "harbor").values(profile_json=clash))

    store.writer.run(store_clash)
    assert accounts(store).account("same") is None
    assert "acme, harbor" in caplog.text


def test_the_password_is_a_stored_hash_read_anew_for_each_login(store, caplog) -> None:
    apply(store, profile(password={"secret": "acme/sftp"}))
    secrets = {"acme/sftp": hash_password("correct horse battery").encode()}
    found = accounts(store, lambda name: secrets[name])
    assert found.account("acme").password_hash == secrets["acme/sftp"].decode()
    secrets["acme/sftp"] = b"a plain password"
    assert found.account("acme").password_hash is None
    assert "no argon2id hash" in caplog.text
    secrets.clear()
    assert found.account("acme").password_hash is None
    assert accounts(store).account("acme").password_hash is None


@pytest.mark.parametrize(
    "hosted",
    [
        {"inbox": "x", "outbox": "x"},
        {"inbox_aliases": ["out"]},
        {"inbox": "../x"},
        {"legacy_algorithms": ["hmac-sha1"]},
        {"legacy_algorithms": ["hmac-sha1"], "legacy_until": "2026-05-01"},
        {"legacy_algorithms": ["hmac-md5"], "legacy_until": "2026-05-01", "allow_from": "192.0.2.1"},
        {"allow_from": ["not an address"]},
        {"file_name": "{partner}.edi"},
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_loaded(hosted) -> None:
    with pytest.raises(ValidationError):
        HostedSftp(user="acme", **hosted)


def test_an_address_is_allowed_by_its_network() -> None:
    networks = (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/32"))
    assert allowed((), "anything")
    assert allowed(networks, "192.0.2.9")
    assert allowed(networks, "::ffff:192.0.2.9")
    assert allowed(networks, "2001:db8::9")
    assert not allowed(networks, "198.51.100.1")
    assert not allowed(networks, "nonsense")
