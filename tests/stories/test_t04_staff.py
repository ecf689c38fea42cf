"""A staff member finds a rejected order, understands it, changes one rule and replays it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.demo.company import Company, wait_for

Pair = tuple[Company, Company]
FIXTURES = Path(__file__).parents[1] / "fixtures"


def run(company: Company, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*arguments, "--dir", str(company.home)])
    assert result.exit_code == code, result.output
    return result.output


def test_a_rejected_order_is_understood_mended_and_replayed(companies: Pair, tmp_path: Path) -> None:
    buyer, seller = companies
    broken = (FIXTURES / "demo/004010/850-05-broken.edi").read_bytes().replace(b"20261341", b"20261214")
    path = tmp_path / "order.edi"
    path.write_bytes(broken)
    run(buyer, "send", str(path), "--as-is", "--partner", "alpine-supply")

    def rejected() -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(run(seller, "message", "list", "--json"))["messages"]
        return [m for m in found if m["number"] == "HR-450021" and m["processing"] == "rejected"]

    (message,) = wait_for("The rejection", rejected)
    shown = run(seller, "message", "show", str(message["id"]))
    first_line = shown.splitlines()[0]
    assert "HR-450021" in first_line
    assert '"XX" is not' in shown
    profile = run(seller, "partner", "export", "harbor-retail")
    text = profile + "\n" if "inbound:" not in profile else profile
    changed = text.replace("inbound:", 'inbound:\n  code_lists: {"355": {add: [XX]}}')
    file = tmp_path / "harbor.yaml"
    file.write_text(changed)
    assert "code_lists" in run(seller, "partner", "diff", str(file))
    run(seller, "partner", "apply", str(file))
    run(seller, "message", "replay", str(message["id"]))
    assert wait_for("The order", lambda: seller.posted("order", "HR-450021"))["lines"][0]["unit"] == "XX"
    assert json.loads(run(seller, "ledger", "check", "--json"))["ok"]


def test_the_doctor_finds_a_running_gateway_healthy(companies: Pair) -> None:
    _, seller = companies
    report = run(seller, "doctor", code=0)
    assert "ok" in report


def test_an_overview_says_where_everything_stands(companies: Pair) -> None:
    _, seller = companies
    status = seller.call("status")
    assert status["jobs"]["failed"] == 0
    assert status["counts"]["failed"] == 0
