"""``gateway bench``: measure us and the named peers in one run; ratios count, not absolute figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.cli.common import json_option, print_json, print_table

__all__ = ["bench_group"]


@click.group("bench", short_help="Measure against named peers.")
def bench_group() -> None:
    """Measure us and the named peers in one run. More is better; `ratio` says how many times better ours is."""


@bench_group.command("x12")
@click.option("--segments", default=200_000, show_default=True, help="Segments of the 850 file that is made.")
@click.option("--quick", is_flag=True, help="Measure the peer on a smaller file of the same shape.")
@json_option
def x12_command(segments: int, quick: bool, as_json: bool) -> None:
    """Full validation and 997 of an 850 file, against pyx12."""
    from gateway.bench import x12

    _show(x12.run(segments, quick=quick, tell=_progress(as_json)), as_json)


@bench_group.command("as2")
@json_option
def as2_command(as_json: bool) -> None:
    """Opening AS2 messages and signing their receipts, against pyas2lib."""
    from gateway.bench import as2

    _show(as2.run(_progress(as_json)), as_json)


@bench_group.command("sftp")
@click.option("--files", default=500, show_default=True, help="Small files each way.")
@click.option("--megabytes", default=256, show_default=True, help="MiB of the large file.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of which the medians are taken.")
@json_option
def sftp_command(files: int, megabytes: int, rounds: int, as_json: bool) -> None:
    """Uploads and collections over SFTP, small files and a large one, against OpenSSH's server."""
    from gateway.bench import sftp

    _show(sftp.run(files, megabytes, rounds, _progress(as_json)), as_json)


@bench_group.command("xml")
@json_option
def xml_command(as_json: bool) -> None:
    """Validation and mapping of UBL orders, against xmlschema and xsdata."""
    from gateway.bench import xml

    _show(xml.run(_progress(as_json)), as_json)


@bench_group.command("pipeline")
@click.option("--messages", default=1_000, show_default=True, help="Orders received and worked through.")
@json_option
def pipeline_command(messages: int, as_json: bool) -> None:
    """Receiving orders durably, and working through them to the back office's inbox."""
    from gateway.bench import pipeline

    _show(pipeline.run(messages, _progress(as_json)), as_json)


@bench_group.command("web")
@click.option(
    "--messages", default=50_000, show_default=True, help="Messages in the store; the promise is for 1,000,000."
)
@click.option("--rounds", default=40, show_default=True, help="Requests for each page.")
@click.option("--store", type=click.Path(path_type=Path), help="Keep the database here, or use the one that is here.")
@json_option
def web_command(messages: int, rounds: int, store: Path | None, as_json: bool) -> None:
    """The staff pages over many messages, each in milliseconds against its target."""
    from gateway.bench import web

    rows = web.run(messages, _progress(as_json), rounds=rounds, store=store)
    if as_json:
        print_json(rows)
        return
    columns = ["variant", "p50_ms", "p95_ms", "cpu_ms", "target_ms", "within", "ratio"]
    click.echo(f"{rows[0]['work']}; ratio: how fast beside a bare page")
    names = ["page", "p50 ms", "p95 ms", "processor ms", "target ms", "within", "ratio"]
    print_table(names, [[entry.get(column) for column in columns] for entry in rows])


def _progress(as_json: bool) -> Callable[[str], None]:
    """Says what is being measured; nothing with --json."""
    return (lambda _text: None) if as_json else (lambda text: click.echo(f"... {text}", err=True))


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(list(rows))
        return
    columns = ["benchmark", "variant", "work", "ours", "unit", "peer", "peer_value", "ratio", "rss_mib"]
    names = ["benchmark", "variant", "work", "ours", "unit", "peer", "of the peer", "ratio", "MiB"]
    print_table(names, [[entry.get(column) for column in columns] for entry in rows])
    for entry in rows:
        if entry.get("note"):
            click.echo(f"{entry['benchmark']} {entry['variant']}: {entry['note']}")
