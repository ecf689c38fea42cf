"""`gateway up` opens the staff pages, prints their address last, and closes them again."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

from gateway.demo.company import START_SECONDS, Company, wait_for
from gateway.service.run import LISTENERS


def test_the_running_gateway_serves_its_pages_on_this_machine(tmp_path: Path) -> None:
    company = Company("alpine-supply", "Alpine Supply", tmp_path / "alpine")
    company.prepare()
    try:
        company.start()
        company.wait_ready()
        listeners = json.loads((company.home / LISTENERS).read_text())
        where = urlsplit(listeners["web"])
        assert where.hostname == "127.0.0.1"
        output = company.home / "log" / "up.out"
        wait_for("The last line", lambda: output.read_text().endswith(f"ready\n{listeners['web']}\n"), START_SECONDS)
        assert "gateway user reset --setup" in output.read_text()
        connection = http.client.HTTPConnection(where.hostname, where.port or 0, timeout=20)
        connection.request("GET", "/login")
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("Location")) == (302, "/setup")
        connection.request("GET", "/setup", headers={"Host": "evil.example"})
        assert connection.getresponse().status == 400
        connection.close()
    finally:
        company.stop()
