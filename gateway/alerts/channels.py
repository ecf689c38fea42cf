"""What a channel may be: its fields checked and told in sentences, before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from gateway.alerts.errors import AlertError
from gateway.alerts.kinds import SEVERITIES, AlertKind, ChannelKind
from gateway.settings import AlertSettings
from gateway.settings.alerts import is_mail_address
from gateway.transports.as2.post import PostError, target_of

__all__ = ["FIELDS", "checked_channel"]

#: Fields that are given, by name; the rest is the gateway's own.
FIELDS = ("name", "kind", "target", "least", "partners", "kinds", "quiet_hours", "time_zone", "digest_minutes")
_MOST_ADDRESSES, _MOST_NAME, _MOST_URL, _MOST_DIGEST = 20, 80, 2000, 24 * 60
_SPAN = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d")


def checked_channel(given: Mapping[str, Any], settings: AlertSettings, *, time_zone: str) -> dict[str, Any]:
    """The columns of a channel from what a form or a command gave. Raises AlertError naming the field.

    ``time_zone`` holds where none is given.
    """
    name = " ".join(str(given.get("name") or "").split())
    if not name or len(name) > _MOST_NAME or not name.isprintable():
        raise AlertError("A channel needs a name of at most 80 characters.", field="name")
    if "(profile " in name:
        raise AlertError("Names with “(profile …)” are those of channels from profiles.", "Choose another.", "name")
    kind = str(given.get("kind") or "")
    if kind not in tuple(ChannelKind):
        raise AlertError("A channel sends mail or to a webhook.", "Choose one of the two.", "kind")
    least = str(given.get("least") or "warning")
    if least not in SEVERITIES:
        raise AlertError(f'"{least[:40]}" is not a severity.', f"It is one of {', '.join(SEVERITIES)}.", "least")
    target = str(given.get("target") or "")
    return {
        "name": name,
        "kind": kind,
        "target": _addresses(target) if kind == ChannelKind.MAIL else _url(target, settings),
        "least": least,
        "partners": _codes(given.get("partners")),
        "kinds": _kinds(given.get("kinds")),
        "quiet_hours": _quiet(str(given.get("quiet_hours") or "").strip()),
        "time_zone": _zone(str(given.get("time_zone") or "").strip() or time_zone),
        "digest_minutes": _minutes(given.get("digest_minutes")),
    }


def _addresses(text: str) -> str:
    found = list(dict.fromkeys(part for part in re.split(r"[\s,;]+", text) if part))
    if not found:
        raise AlertError("There is no mail address.", "Write one or more, each on a line.", "target")
    for address in found:
        if not is_mail_address(address):
            raise AlertError(f'"{address[:80]}" is not a plain mail address.', "Write edi@example.com.", "target")
    if len(found) > _MOST_ADDRESSES:
        raise AlertError(
            f"{len(found)} addresses are too many for one channel.",
            "Use an address of a group, or two channels.",
            "target",
        )
    return "\n".join(found)


def _url(text: str, settings: AlertSettings) -> str:
    url = text.strip()
    private = settings.allow_private_webhooks
    if not url.startswith("https://") and not (private and url.startswith("http://")):
        raise AlertError("A webhook needs an address that begins with https://.", field="target")
    if len(url) > _MOST_URL:
        raise AlertError("The address is longer than 2,000 characters.", field="target")
    try:
        target_of(url, private=private)
    except PostError as error:
        if error.final:
            fix = "" if private else "[alerts] allow_private_webhooks = true allows addresses of your own network."
            words = str(error).replace(url[:200], "the address").replace("in the profile", "here")
            raise AlertError(words, fix, "target") from error
    return url


def _codes(given: Any) -> list[str]:
    return sorted({code.strip() for code in _texts(given) if code.strip()})


def _kinds(given: Any) -> list[str]:
    wanted = {text.strip() for text in _texts(given) if text.strip()}
    unknown = sorted(wanted - set(AlertKind))
    if unknown:
        raise AlertError(f'"{unknown[0][:40]}" is no kind of alert.', f"Kinds are {', '.join(AlertKind)}.", "kinds")
    return [kind.value for kind in AlertKind if kind.value in wanted]


def _texts(given: Any) -> Iterable[str]:
    if given is None:
        return ()
    return given.split(",") if isinstance(given, str) else [str(one) for one in given]


def _quiet(text: str) -> str | None:
    if not text:
        return None
    if not _SPAN.fullmatch(text):
        raise AlertError(f'"{text[:40]}" is not a span of the day.', "Write 22:00-06:00.", "quiet_hours")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise AlertError(f'"{name[:60]}" is not a time zone.', "Write America/New_York or UTC.", "time_zone") from error
    return name


def _minutes(given: Any) -> int:
    try:
        minutes = int(given or 0)
    except (TypeError, ValueError):
        minutes = -1
    if not 0 <= minutes <= _MOST_DIGEST:
        raise AlertError("The minutes of a digest are a number from 0 to 1440.", field="digest_minutes")
    return minutes
