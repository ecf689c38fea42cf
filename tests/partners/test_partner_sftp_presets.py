"""Presets of SFTP habits: each loads, applies, changes what our server or client does, and survives being written."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from sqlalchemy.orm import Session

from gateway.partners import registry
from gateway.partners.errors import PartnerFileError
from gateway.partners.operations import op_partner_apply
from gateway.partners.presets import sftp_preset_names
from gateway.partners.profile import PartnerProfile
from gateway.partners.yamlform import collect_partner_file, dump_partner, parse_partner_text
from gateway.transports.sftp.client.connection import open_session
from gateway.transports.sftp.client.target import Credentials, target_from_profile
from gateway.transports.sftp.server.accounts import account_from_profile

ROOT = Path(__file__).parents[2]
HEAD = "code: harbor\nname: Harbor\nstatus: live\n"
#: What the partner's own file has to add to presets that say so.
NEEDED = {
    "client-old-algorithms": ", hosted: {user: harbor, legacy_until: 2030-12-31, allow_from: [192.0.2.0/24]}",
    "server-old-algorithms": ", compatible_until: 2030-12-31",
}
OWN = "host: sftp.harbor.example, user: us, host_keys: 'SHA256:" + "A" * 43 + "'"
HABITS = sftp_preset_names()


def text_with(*names: str, own: str = "") -> str:
    hosted = "" if "hosted" in own else ", hosted: {user: harbor}"
    return f"{HEAD}sftp: {{preset: [{', '.join(names)}], {OWN}{hosted}{own}}}\n"


def read(text: str) -> PartnerProfile:
    (profile,) = parse_partner_text(text, "harbor.yaml", lambda name: "")
    return profile


@pytest.mark.parametrize("name", HABITS)
def test_every_preset_is_applied_and_changes_what_we_do(session: Session, now: datetime, name: str) -> None:
    text = text_with(name, own=NEEDED.get(name, ""))
    op_partner_apply(session, now, files=[{"name": "harbor.yaml", "text": text}], author="kim")
    profile = registry.get(session, "harbor")
    plain = read(text_with("server-refuses-delete").replace("preset: [server-refuses-delete], ", ""))
    assert profile.sftp.preset == (name,)
    theirs = target_from_profile(profile), target_from_profile(plain)
    ours = account_from_profile(profile), account_from_profile(plain)
    assert (theirs[0] != theirs[1]) is name.startswith("server-")
    assert (ours[0] != ours[1]) is name.startswith("client-")


@pytest.mark.parametrize("name", HABITS)
def test_every_preset_says_which_habit_it_is_for_and_how_it_is_used(name: str) -> None:
    lines = (ROOT / "partners" / "presets" / f"{name}.yaml").read_text().splitlines()
    comment = [line for line in lines if line.startswith("#")]
    assert lines[0].startswith("# Their ") or lines[0].startswith("# The partner ")
    assert any(f"preset: {name}" in line for line in comment)
    assert all(needed.split(":")[0].strip(", ") in "\n".join(comment) for needed in [NEEDED.get(name, "")])


@pytest.mark.parametrize("name", HABITS)
def test_every_preset_is_written_as_its_name_and_read_back_equal(name: str) -> None:
    profile = read(text_with(name, own=NEEDED.get(name, "")))
    text = dump_partner(profile)
    assert read(text) == profile
    assert f"- {name}" in text
    own = {
        "preset",
        "host",
        "host_keys",
        "user",
        "compatible_until",
        "hosted",
        "- SHA256",
        "legacy_until",
        "allow_from",
    }
    own |= {"legacy_algorithms"} if name == "client-old-algorithms" else set()  # not valid without the partner's part
    assert {line.split(":")[0].strip() for line in text.split("sftp:\n")[1].splitlines() if ":" in line} <= own


def test_the_documentation_names_every_preset() -> None:
    text = (ROOT / "docs" / "sftp.md").read_text()
    assert [name for name in HABITS if f"`{name}`" not in text] == []


def test_an_exception_for_old_algorithms_has_an_end_whatever_the_preset() -> None:
    with pytest.raises(PartnerFileError, match="legacy_until"):
        read(text_with("client-old-algorithms"))


def test_several_habits_lie_over_each_other_and_the_partners_own_values_over_all() -> None:
    profile = read(text_with("client-sends-marker", "server-waits-for-marker", own=", outbound_marker: .ok"))
    assert profile.sftp.hosted.complete == "marker"
    assert profile.sftp.outbound_marker == ".ok"
    profile = read(text_with("client-sends-marker", "client-renames-each-upload"))
    assert (profile.sftp.hosted.complete, profile.sftp.hosted.user) == ("rename", "harbor")


def test_habits_lie_over_the_preset_of_the_partner(tmp_path: Path) -> None:
    texts: dict[str, str] = {
        "own": "notes: ours\nsftp: {poll_seconds: 60, after_fetch: leave}\n",
        "presets/slow": "sftp: {poll_seconds: 900}\n",
    }
    text = HEAD + "preset: own\nsftp: {preset: slow}\n"
    (profile,) = parse_partner_text(text, "harbor.yaml", lambda name: "", texts.__getitem__)
    assert (profile.sftp.poll_seconds, profile.sftp.after_fetch, profile.notes) == (900, "leave", "ours")


def test_the_operators_own_habit_goes_first_and_is_collected_with_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "partners" / "presets"
    folder.mkdir(parents=True)
    (folder / "server-rations-logins.yaml").write_text("sftp: {poll_seconds: 7200}\n")
    path = tmp_path / "harbor.yaml"
    path.write_text(HEAD + "sftp: {preset: server-rations-logins}\n")
    collected = collect_partner_file(path, tmp_path)
    assert collected["presets"] == {"presets/server-rations-logins": "sftp: {poll_seconds: 7200}\n"}
    (profile,) = parse_partner_text(collected["text"], "x", lambda name: "", collected["presets"].__getitem__)
    assert profile.sftp.poll_seconds == 7200
    assert "poll_seconds" not in dump_partner(profile, tmp_path)
    assert "poll_seconds: 7200" in dump_partner(profile)


def test_a_habit_that_is_not_there_is_told_with_line_and_nearest_name() -> None:
    with pytest.raises(PartnerFileError) as caught:
        read(HEAD + "sftp:\n  preset:\n    - server-refuses-delete\n    - server-refuses-renames\n")
    (problem,) = caught.value.problems
    assert str(problem) == (
        'harbor.yaml:7: sftp.preset: there is no SFTP preset "server-refuses-renames". '
        "Did you mean server-refuses-rename?"
    )
    with pytest.raises(PartnerFileError, match="The presets are client-deletes-later"):
        read(HEAD + "sftp: {preset: zzz}\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sftp: {pol_seconds: 5}\n", r"preset presets/own:1: sftp\.pol_seconds: .* Did you mean poll_seconds\?"),
        ("sftp: {poll_seconds: 5}\nnotes: x\n", "must hold the group sftp and nothing else"),
        ("sftp: {preset: server-refuses-delete}\n", "must not name another preset"),
        ("- sftp\n", "must hold settings, not a list"),
    ],
)
def test_a_mistake_in_a_habit_is_placed_in_the_habit(text: str, why: str) -> None:
    texts: dict[str, Any] = {"presets/own": text}
    with pytest.raises(PartnerFileError, match=why):
        parse_partner_text(HEAD + "sftp: {preset: own}\n", "harbor.yaml", lambda name: "", texts.__getitem__)


class _KeyboardInteractive(asyncssh.SSHServer):
    """Takes a password only as the answer to a question."""

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        return list(responses) == ["secret"]


def test_a_server_that_asks_for_the_password_by_keyboard_interactive_needs_no_preset() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")

    async def log_in() -> str:
        server = await asyncssh.create_server(
            _KeyboardInteractive, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=True
        )
        sftp = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "user": "us"}
        profile = PartnerProfile(code="a", name="A", sftp={**sftp, "host_keys": key.get_fingerprint()})
        target = target_from_profile(profile)
        assert target is not None
        async with server, open_session(target, Credentials(password="secret"), date(2026, 3, 1)) as session:
            return session.host_key

    assert asyncio.run(log_in()) == key.get_fingerprint()
