"""What a plain command loads: nothing that speaks to partners, shows pages or changes tables."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from gateway.settings import company_named
from gateway.workdir import make_working_directory

ORDER = Path(__file__).parents[1] / "fixtures" / "demo" / "004010" / "850-01-plain.edi"
HEAVY = (
    "alembic",
    "asyncssh",
    "flask",
    "gateway.bench",
    "gateway.demo",
    "gateway.service.doors",
    "twisted",
    "xmlschema",
)
RUN = """
import contextlib, io, json, sys
from gateway.cli.main import main

commands, heavy = json.loads(sys.stdin.read())
found = {}
for command in commands:
    out = io.TextIOWrapper(io.BytesIO())
    try:
        with contextlib.redirect_stdout(out):
            main(command)
    except SystemExit as end:
        found[" ".join(command)] = [end.code, sorted(name for name in heavy if name in sys.modules)]
print(json.dumps(found))
"""


def test_plain_commands_load_no_listener_no_pages_and_no_migrations(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_working_directory(home, company_named("Alpine Supply"), now=datetime.now(UTC))
    here = ["--dir", str(home)]
    commands = [
        ["inspect", str(ORDER)],
        ["convert", str(ORDER), "--to", "json"],
        ["schema", "list", *here],
        ["map", "list"],
        ["partner", "list", *here],
        ["message", "list", *here],
        ["secret", "list", *here],
        ["user", "list", *here],
        ["alert", "list", *here],
        ["order", "list", *here],
        ["doctor", *here],
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps([commands, HEAVY]),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(done.stdout) == {" ".join(command): [0, []] for command in commands}, done.stderr
