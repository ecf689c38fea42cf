"""``gateway message``: look at messages, and replay, resend, hold or ignore them."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import (
    CommandError,
    call,
    clean,
    console,
    dir_option,
    find_dir,
    json_option,
    print_json,
    print_table,
)

__all__ = ["message_group", "message_lines"]

#: The states of each axis that can be asked for.
STATES: Mapping[str, tuple[str, ...]] = {
    "processing": (*("received", "identified", "validated", "mapped", "posted", "held", "rejected", "ignored"),),
    "delivery": ("none", "queued", "sending", "sent", "confirmed", "retrying", "failed"),
    "acknowledgement": (*("not_expected", "awaited", "accepted", "accepted_with_errors", "rejected", "overdue"),),
}


@click.group("message", short_help="Look at messages and repair them.")
def message_group() -> None:
    """Look at messages, and replay, resend, hold or ignore them.

    A message is named by its id, the beginning of its id, or its business number.
    """


@message_group.command("list")
@click.option("--partner", help="Only of this partner.")
@click.option("--kind", help="Only this kind of document: order, invoice, ship_notice …")
@click.option("--direction", type=click.Choice(["in", "out"]), help="Only received, or only sent.")
@click.option("--processing", type=click.Choice(STATES["processing"]))
@click.option("--delivery", type=click.Choice(STATES["delivery"]))
@click.option("--acknowledgement", type=click.Choice(STATES["acknowledgement"]))
@click.option("--number", help="The whole business number, such as the order number.")
@click.option("--text", help="Part of a number, file name, AS2 Message-ID or reason.")
@click.option("--test/--live", default=None, help="Only test messages, or only live ones.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--after", help="Go on after this place (printed at the end of a page).")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool, **filters: Any) -> None:
    """List messages, the newest first."""
    asked = {name: value for name, value in filters.items() if value is not None}
    page = call(find_dir(directory), "message.list", **asked)
    if as_json:
        print_json(page)
        return
    if not page["messages"]:
        told = ", ".join(f"{name} {value}" for name, value in asked.items() if name != "limit")
        click.echo(f"No message fits: {clean(told)}." if told else "There are no messages yet.")
        return
    print_table(
        ("time (UTC)", "", "partner", "document", "number", "state", "id", "reason"),
        (_row(message) for message in page["messages"]),
    )
    if page["next"]:
        click.echo(f"There are more: --after {page['next']}")


def _row(message: Mapping[str, Any]) -> tuple[object, ...]:
    document = " ".join(filter(None, [message["set"], message["document"]]))
    return (
        _time(message["at"]),
        ("TEST " if message["test"] else "") + message["direction"],
        message["partner"] or "unknown",
        document or message["filename"] or message["transport"],
        message["number"],
        ", ".join(_states(message)),
        message["id"],
        message["reason"],
    )


def _states(message: Mapping[str, Any]) -> Iterator[str]:
    """The axes that say something, in words."""
    if message["processing"]:
        yield message["processing"]
    if message["delivery"] != "none":
        yield message["delivery"]
    if message["acknowledgement"] != "not_expected":
        yield f"acknowledgement {message['acknowledgement'].replace('_', ' ')}"


def _time(at: str | None) -> str:
    """An instant as people read it; it is UTC already."""
    return "" if at is None else at[:19].replace("T", " ")


@message_group.command("show")
@click.argument("message")
@dir_option
@json_option
def show_command(message: str, directory: Path | None, as_json: bool) -> None:
    """Show one message: what it is, how it came there, what is wrong and what to do."""
    detail = call(find_dir(directory), "message.show", id=message)
    if as_json:
        print_json(detail)
        return
    out = console()
    for number, line in enumerate(message_lines(detail)):
        is_title = number == 0 or not line.startswith(" ")
        out.print(line, style="bold" if is_title else None)


def message_lines(detail: Mapping[str, Any]) -> Iterator[str]:
    """The page of one message, line by line: the sentence, then each part that has something to say."""
    yield clean(detail["sentence"])
    for title, part in _PARTS.items():
        lines = [clean(line) for line in part(detail)]
        if lines:
            yield title
            yield from (f"  {line}" for line in lines)


def _axes(detail: Mapping[str, Any]) -> Iterator[str]:
    """One line for each axis: its states with the time at which each was reached."""
    for axis in STATES:
        steps = [f"{state} {_time(at)}" for at, state in _reached(detail, axis)]
        if steps:
            yield f"{axis:<16} {' → '.join(steps)}"
        elif detail.get(axis) not in (None, "none", "not_expected"):
            yield f"{axis:<16} {detail[axis]}"


def _reached(detail: Mapping[str, Any], axis: str) -> Iterator[tuple[str, str]]:
    """(instant, state) of each state of an axis that says something, the one it was stored with first.

    Delivery is told by the transmission that carries a document, the other axes by the message itself.
    """
    subject = "transmission" if axis == "delivery" else detail["type"]
    for stage in detail["stages"]:
        if stage["subject"] != subject:
            continue
        first = (stage["data"] or {}).get(axis) if stage["event"] == "created" else None
        state = stage["new"] if stage["axis"] == axis else first
        if state not in (None, "none", "not_expected"):
            yield stage["at"], state


def _findings(detail: Mapping[str, Any]) -> Iterator[str]:
    for finding in detail["findings"]:
        yield f"{finding.get('severity', 'error')} {finding.get('code', '')}: {finding.get('message', '')}"
        place = [
            f"{name} {finding[name]}"
            for name in ("segment", "position", "element", "component", "repeat", "offset")
            if finding.get(name) is not None
        ]
        if finding.get("value") is not None:
            place.append(f'value "{finding["value"]}"')
        if place:
            yield f"  at {', '.join(place)}"
        if finding.get("fix"):
            yield f"  → {finding['fix']}"


def _attempts(detail: Mapping[str, Any]) -> Iterator[str]:
    for attempt in detail["attempts"]:
        status = f"(status {attempt['status']})" if attempt["status"] else None
        told = [_time(attempt["started_at"]), attempt["outcome"], status, attempt["reason"]]
        yield f"{attempt['number']}. {' '.join(filter(None, told))}"


def _acknowledgements(detail: Mapping[str, Any]) -> Iterator[str]:
    for answer in detail["acknowledgements"]:
        if answer["state"] == "not_expected":
            continue
        who = "from the partner" if answer["direction"] == "in" else "from us"
        due = f"due {_time(answer['due_at'])}" if answer.get("due_at") else None
        state = f"{answer['state'].replace('_', ' ')} {_time(answer['at'])}".rstrip()
        yield f"{who}: {', '.join(filter(None, [state, due]))}"
        for sentence in answer.get("detail") or filter(None, [answer.get("reason")]):
            yield f"  {sentence}"


def _cases(detail: Mapping[str, Any]) -> Iterator[str]:
    for case in detail["cases"]:
        yield f"{case['review']}: {case['title']} ({case['messages']} messages, case {case['id']})"
        if case["suggestion"]:
            yield f"  → {case['suggestion']}"


def _removed(detail: Mapping[str, Any]) -> Iterator[str]:
    """What retention removed; what is kept needs no line."""
    for each in detail.get("content", ()):  # a service of an earlier release does not say it
        if each["removed_at"]:
            size = f"{each['form']}, {each['bytes']:,} bytes"
            yield f"{size}: removed on {each['removed_at'][:10]} by the rule {each['removed_rule']}"


def _related(detail: Mapping[str, Any]) -> Iterator[str]:
    for other in detail["related"]:
        yield f"{other['relation']}: {other['name']} {other['processing'] or ''} ({other['id']})"


def _facts(detail: Mapping[str, Any]) -> Iterator[str]:
    """What the record holds, without what is empty or shown above."""
    yield f"{'id':<22} {detail['id']}"
    for group in ("interchange", "transmission", "facts"):
        for name, value in (detail[group] or {}).items():
            if value in (None, "", {}, []) or name in ("processing", "delivery"):
                continue
            shown = "; ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else value
            label = name.replace("_", " ") if name != "id" else f"{group} id"
            yield f"{label:<22} {_time(value) if name.endswith('_at') else shown}"


_PARTS: Mapping[str, Callable[[Mapping[str, Any]], Iterable[str]]] = {
    "How it went": _axes,
    "Findings": _findings,
    "Attempts": _attempts,
    "Acknowledgements": _acknowledgements,
    "Cases": _cases,
    "Content that is not kept any more": _removed,
    "Related": _related,
    "Facts": _facts,
}


def _change(name: str, summary: str, *, reason_needed: bool) -> click.Command:
    """A command that runs the operation ``message.<name>`` on each message named."""

    @click.command(name, help=summary, short_help=summary.partition(".")[0])
    @click.argument("messages", nargs=-1, required=True, metavar="MESSAGE...")
    @click.option("--reason", required=reason_needed, help="Why, for the record.")
    @dir_option
    @json_option
    def command(messages: tuple[str, ...], reason: str | None, directory: Path | None, as_json: bool) -> None:
        home = find_dir(directory)
        results = [_change_one(home, name, message, reason) for message in messages]
        if as_json:
            print_json(results)
        else:
            for result in results:
                click.echo(clean(f"{result['asked']}: {result['result']}. {result['message']}"))
        if not all(result["ok"] for result in results):
            click.get_current_context().exit(1)

    return command


def _change_one(home: Path, name: str, asked: str, reason: str | None) -> dict[str, Any]:
    """Run the operation on one message; a refusal of one does not keep the others from their turn."""
    try:
        found = call(home, "message.show", id=asked)["id"]
        done = call(home, f"message.{name}", id=found, reason=reason, actor=_actor())
    except CommandError as error:
        sentence = " ".join(filter(None, [error.message, *error.details, error.fix]))
        return {"asked": asked, "ok": False, "id": None, "result": "refused", "message": sentence}
    return {"asked": asked, "ok": True, **done}


def _actor() -> str:
    """The name of the person at the keyboard, for the ledger."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name
        return "cli"


for _name, _summary, _needed in (
    ("replay", "Process received messages again. Each replay is a new message linked to the old one.", False),
    ("resend", "Send messages again. The partner gets the same bytes.", False),
    ("hold", "Hold messages until a person decides.", True),
    ("ignore", "Close messages without processing them. The reason is kept.", True),
):
    message_group.add_command(_change(_name, _summary, reason_needed=_needed))
