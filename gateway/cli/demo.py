"""``gateway demo``: two companies on this machine go from order to cash, every step with its proof."""

from __future__ import annotations

import time
from pathlib import Path

import click

from gateway.cli.common import clean, console, fail, print_json
from gateway.demo.company import DemoError
from gateway.demo.story import ANSWERS, Step, run_demo

__all__ = ["demo_command"]

_ARROWS = {"out": "→", "in": "←"}


@click.command("demo", short_help="Watch two companies trade.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON when it has ended.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep both working directories in DIR.")
@click.option(
    "--orders",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Use the X12 orders in DIR instead of the demonstration's own.",
)
def demo_command(as_json: bool, keep: Path | None, orders: Path | None) -> None:
    """Run two gateways on loopback and trade: 850, 855, 856, 810 in both directions, every one acknowledged.

    Exit code 0 when every step ended as expected.
    """
    began = time.monotonic()
    if not as_json:
        click.echo("Two companies, two gateways on this machine: Harbor Retail and Alpine Supply.")
        click.echo("Signed, encrypted and compressed AS2; every receipt signed, every MIC compared.")
        click.echo()
    try:
        steps = run_demo(_nothing if as_json else _print, orders=orders, keep=keep)
    except DemoError as error:
        if as_json:
            print_json({"ok": False, "error": str(error), "steps": []})
            click.get_current_context().exit(1)
        fail(str(error), fix="Run it again with --keep DIR and look at the logs in there.")
    ok = bool(steps) and all(step.ok for step in steps)
    if as_json:
        print_json({"ok": ok, "steps": [step.as_json() for step in steps]})
    else:
        _summary(steps, ok, time.monotonic() - began)
    click.get_current_context().exit(0 if ok else 1)


def _nothing(_step: Step) -> None:
    """With --json nothing is printed before the end."""


def _print(step: Step) -> None:
    mark = "ok " if step.ok else "BAD"
    proof = step.outcome
    if step.direction == "out" and step.delivery != "none":
        matched = "MIC equal" if step.mic_matched else "MIC DIFFERENT"
        proof = f"MDN {step.mdn}, {matched}" if step.mdn else f"{step.transport.upper()}, {step.delivery}"
        if step.document not in ANSWERS:
            proof += f"; {_answer(step)} {step.acknowledgement}"
    elif step.direction == "in":
        proof = {"posted": "posted", "rejected": "rejected, case opened"}.get(step.processing, step.processing)
    name = f"{step.document} {step.number}" if len(step.document) > 3 else f"{step.document:<4}{step.number}"
    what = f"{step.company:<14} {_ARROWS[step.direction]} {name:<40}"
    console().print(clean(f"{mark} {step.step:>3}  {what} {proof}  {step.milliseconds} ms"))
    if step.note and step.direction == "in":
        console().print(clean(f"          {step.note}"))


def _answer(step: Step) -> str:
    """What the partner's answer is called in the step's standard."""
    return {"ubl-2.1": "response", "cxml-1.2": "cXML status"}.get(step.standard, "997")


def _summary(steps: list[Step], ok: bool, seconds: float) -> None:
    good = sum(step.ok for step in steps)
    click.echo()
    click.echo(f"{good} of {len(steps)} steps ended as expected, in {seconds:.1f} s.")
    if not ok:
        click.echo("The steps marked BAD did not; run again with --keep DIR and look at the logs in there.")
