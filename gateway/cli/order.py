"""``gateway order``: how far each purchase order came, what is late, and what does not match."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import (
    call,
    clean,
    console,
    dir_option,
    find_dir,
    json_option,
    print_json,
    print_table,
)

__all__ = ["order_group", "order_lines"]

_STEPS = ("855", "856", "810", "865")
#: How a stage shows in a list.
_MARKS = {"done": "+", "rejected": "x", "held": "=", "skipped": "-", "late": "!", "due": ".", "none": " "}


@click.group("order", short_help="Look at purchase orders and what follows them.")
def order_group() -> None:
    """Look at purchase orders: their documents, lines and deadlines.

    An order is named by its number, or by its id or the beginning of it.
    """


@order_group.command("list")
@click.option("--partner", help="Only of this partner.")
@click.option("--role", type=click.Choice(["sell", "buy"]), help="Only where we sell, or only where we buy.")
@click.option("--late", "which", flag_value="late", help="Only where a document is late; the longest due first.")
@click.option("--mismatch", "which", flag_value="mismatch", help="Only where documents do not match the order.")
@click.option("--open", "which", flag_value="open", help="Only open ones.")
@click.option("--number", help="The order number, or its beginning.")
@click.option("--test/--live", default=None, help="Only test orders, or only live ones.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--after", help="Go on after this place (printed at the end of a page).")
@dir_option
@json_option
def list_command(directory: Path | None, as_json: bool, **filters: Any) -> None:
    """List orders, the newest first."""
    asked = {name: value for name, value in filters.items() if value is not None}
    page = call(find_dir(directory), "order.list", **asked)
    if as_json:
        print_json(page)
        return
    if not page["orders"]:
        click.echo("No order fits." if len(asked) > 1 else "There are no orders yet.")
        return
    print_table(
        ("last (UTC)", "", "partner", "order", "state", "850 855 856 810", "amount", "next"),
        (_row(order) for order in page["orders"]),
    )
    if page["next"]:
        click.echo(f"There are more: --after {page['next']}")


def _row(order: Mapping[str, Any]) -> tuple[object, ...]:
    marks = "".join(f" {_MARKS[stage['state']]}  " for stage in order["stages"]).rstrip()
    return (
        _time(order["last_at"]),
        ("TEST " if order["test"] else "") + order["role"],
        order["partner"],
        order["number"],
        order["state"] + (", does not match" if order["mismatch"] else ""),
        marks,
        " ".join(filter(None, [order["amount"], order["currency"]])),
        _next(order),
    )


def _next(order: Mapping[str, Any]) -> str:
    if order["next_due_at"] is None:
        return order["closed_reason"] or ""
    whose = "ours" if order["ours"] else "theirs"
    late = "LATE, " if order["late"] else ""
    return f"{late}{order['next_kind'].replace('_', ' ')} ({whose}) due {_time(order['next_due_at'])}"


def _time(at: str | None) -> str:
    """An instant as people read it; it is UTC already."""
    return "" if at is None else at[:16].replace("T", " ")


@order_group.command("show")
@click.argument("order")
@click.option("--partner", help="The partner, when several orders have this number.")
@dir_option
@json_option
def show_command(order: str, partner: str | None, directory: Path | None, as_json: bool) -> None:
    """Show one order: its documents, its lines, what does not match and what is due."""
    detail = call(find_dir(directory), "order.show", id=order, partner=partner)
    if as_json:
        print_json(detail)
        return
    out = console()
    for number, line in enumerate(order_lines(detail)):
        out.print(line, style="bold" if number == 0 or not line.startswith(" ") else None)


def order_lines(detail: Mapping[str, Any]) -> Iterator[str]:
    """The page of one order, line by line."""
    way = "from" if detail["role"] == "sell" else "to"
    yield clean(f"Order {detail['number']} {way} {detail['partner']}: {detail['state']}")
    if detail["closed"]:
        yield clean(f"  closed by {detail['closed']['by']}: {detail['closed']['reason']}")
    yield "Documents"
    for one in detail["documents"]:
        arrow = "in " if one["direction"] == "in" else "out"
        answer = one["acknowledgement"].replace("_", " ")
        state = one["processing"] if one["direction"] == "in" else f"{one['delivery']}, acknowledgement {answer}"
        tail = "" if one["counts"] else " (does not count)"
        name = f"{one['set']} {one['number'] or ''}".strip()
        yield clean(f"  {_time(one['at'])} {arrow} {name:<24} {state}{tail}")
    yield "Lines"
    for line in detail["matrix"]["lines"]:
        yield clean(f"  {_line(line)}")
        for difference in line["differences"]:
            yield clean(f"    ! {difference['sentence']}")
    for difference in detail["matrix"]["differences"]:
        yield clean(f"  ! {difference['sentence']}")
    clocks = [clock for clock in detail["clocks"] if clock["ended_at"] is None]
    if clocks:
        yield "Due"
    for clock in clocks:
        whose = "ours" if clock["ours"] else "theirs"
        late = " LATE" if clock["late"] else ""
        yield clean(f"  {clock['kind'].replace('_', ' ')} ({whose}) {_time(clock['due_at'])}{late}")


def _line(line: Mapping[str, Any]) -> str:
    parts = [f"{line['line_id'] or '':<4} {line['item']:<16} ordered {line['ordered'] or '-'} {line['unit'] or ''}"]
    parts += [f"{part['quantity'] or ''} {part['status']}".strip() for part in line["acknowledged"]]
    parts += [f"{line[name]} {name}" for name in ("shipped", "invoiced") if line[name] != "0"]
    parts += [f"{line['to_ship']} to ship"] if line["to_ship"] != "0" else []
    return ", ".join(parts)


@order_group.command("close")
@click.argument("order")
@click.option("--reason", required=True, help="Why nothing more is expected.")
@dir_option
@json_option
def close_command(order: str, reason: str, directory: Path | None, as_json: bool) -> None:
    """Close an order: nothing more is expected of it."""
    _decide(directory, as_json, "order.close", id=order, reason=reason)


@order_group.command("skip")
@click.argument("order")
@click.argument("step", type=click.Choice(_STEPS))
@click.option("--reason", required=True, help="Why this document is not expected.")
@dir_option
@json_option
def skip_command(order: str, step: str, reason: str, directory: Path | None, as_json: bool) -> None:
    """Expect no document of one kind for an order."""
    _decide(directory, as_json, "order.skip", id=order, kind=step, reason=reason)


def _decide(directory: Path | None, as_json: bool, operation: str, **parameters: Any) -> None:
    result = call(find_dir(directory), operation, actor=getpass.getuser(), **parameters)
    if as_json:
        print_json(result)
    else:
        click.echo(clean(result["message"]))


@order_group.command("followup")
@click.argument("order")
@click.argument("step", type=click.Choice(["855", "856", "810"]))
@dir_option
def followup_command(order: str, step: str, directory: Path | None) -> None:
    """Print the next document of an order with what remains, as JSON for `gateway send`."""
    result = call(find_dir(directory), "order.followup", id=order, kind=step)
    for error in result["errors"]:
        click.echo(clean(f"{error['field']}: {error['message']}"), err=True)
    if not result["document"]:
        raise SystemExit(1)
    print_json(result["document"])
