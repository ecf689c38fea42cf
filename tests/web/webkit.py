"""A site over a real store with real messages, and a browser's memory for the test client."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from argon2 import PasswordHasher
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from gateway.alerts import batches
from gateway.alerts import operations as alert_operations
from gateway.alerts.context import Alerting
from gateway.alerts.events import sweep_events
from gateway.alerts.watch import run_checks
from gateway.partners import operations as partner_operations
from gateway.pipeline import caseactions, corrections, messageactions, ordering, queueactions
from gateway.pipeline import operations as pipeline_operations
from gateway.service import secrets
from gateway.settings import AlertSettings
from gateway.staff import accounts
from gateway.staff.setup import store_setup_code
from gateway.store import ledger
from gateway.store.secrets import Kek
from gateway.web.app import create_app
from gateway.web.site import PartnerName, Site
from tests.pipeline.pipelinekit import FIXTURES, Kit

PASSWORD = "violet-anchor-kettle-91"
#: Made with the least that argon2id takes: hundreds of tests log in, and others prove how hard our own hashes are.
QUICK_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASHED = QUICK_HASHER.hash(PASSWORD)
ROLES = {
    "vera": ["viewer"],
    "olga": ["operator"],
    "adam": ["admin"],
    "saul": ["security"],
    "root": ["admin", "security"],
}
KEK = Kek(bytes(range(32)), "test")
HOSTS = {"localhost"}


class _Compiled(BytecodeCache):
    """Templates compiled once for all tests of a process: each test has an application of its own."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._known:
            bucket.bytecode_from_string(self._known[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def _builders_made_once() -> None:
    """The code that writes the address of a rule, made once for all applications: half of the time that one takes."""
    made: dict[Any, Any] = {}
    make = Rule._compile_builder

    def known(rule: Rule, append_unknown: bool = True) -> Any:
        key = (rule.rule, tuple(rule._trace), repr(rule.defaults), append_unknown)
        return made.get(key) or made.setdefault(key, make(rule, append_unknown))

    Rule._compile_builder = known  # type: ignore[method-assign]


_builders_made_once()


class WebKit:
    """A gateway with pages."""

    def __init__(self, kit: Kit, **changes: Any) -> None:
        self.kit = kit
        self.hosts = set(HOSTS)
        values: dict[str, Any] = {
            "company": "Alpine Supply",
            "time_zone": "America/New_York",
            "version": "0.1",
            "read": kit.store.read,
            "write": kit.store.writer.run,
            "operate": self.operate,
            "kek": KEK,
            "clock": lambda: kit.now,
            "partners": lambda: [PartnerName("harbor", "Harbor Retail", "Europe/Berlin")],
            "work": lambda: {"waiting": 0, "running": 0, "failed": 0, "oldest_seconds": None},
            "hosts": lambda: frozenset(self.hosts),
            "home": kit.home,
        }
        self.site = Site(**{**values, **changes})
        self.app = create_app(self.site)
        self.app.jinja_env.bytecode_cache = _COMPILED
        self.ids: dict[str, str] = {}
        self.alerting = Alerting(
            read=kit.store.read,
            write=kit.store.writer.run,
            kek=KEK,
            clock=lambda: kit.now,
            settings=AlertSettings(allow_private_webhooks=True),
            directory=kit.pipeline.directory,
            company="Alpine Supply",
            time_zone="America/New_York",
            base_url=lambda: "http://localhost",
        )

    def operate(self, name: str, parameters: dict[str, Any]) -> Any:
        if name == "ledger.check":
            with self.kit.store.read() as session:
                return asdict(ledger.verify(session))
        if name in alert_operations.OPERATIONS:
            return alert_operations.OPERATIONS[name](self.alerting, parameters)
        if name == "secret.put":
            relationships = SimpleNamespace(refresh=lambda: None)
            context: Any = SimpleNamespace(
                store=self.kit.store, kek=KEK, pipeline=self.kit.pipeline, relationships=relationships
            )
            return secrets.put(context, parameters)
        if name in partner_operations.OPERATIONS:
            operation = partner_operations.OPERATIONS[name]
            return self.write(lambda session: operation(session, self.kit.now, **parameters))
        operations = {
            **pipeline_operations.OPERATIONS,
            **caseactions.OPERATIONS,
            **ordering.OPERATIONS,
            **corrections.OPERATIONS,
            **queueactions.OPERATIONS,
            **messageactions.OPERATIONS,
        }
        result = operations[name](self.kit.pipeline, parameters)
        self.kit.work()
        return result

    def write(self, work: Callable[[Any], Any]) -> Any:
        return self.kit.store.writer.run(work)

    # -- what there is -----------------------------------------------------------------------------------------

    def add_users(self) -> None:
        """An account for each role, all with PASSWORD."""

        def work(session: Any) -> None:
            for name, roles in ROLES.items():
                accounts.create_user(
                    session,
                    name=name,
                    full_name=f"{name.title()} Berg",
                    roles=roles,
                    password=PASSWORD,
                    password_hash=HASHED,
                    actor="test",
                    now=self.kit.now,
                )

        self.write(work)

    def setup_code(self) -> str:
        code: str = self.write(lambda session: store_setup_code(session, KEK, self.kit.now))
        return code

    def add_messages(self) -> None:
        """Good, rejected and held orders, an XML order, an unreadable file, and an order that we sent."""
        kit = self.kit
        demo = FIXTURES / "demo" / "004010"
        good = (demo / "850-01-plain.edi").read_bytes()
        bad = (FIXTURES / "bad" / "unit-and-date-wrong.edi").read_bytes()
        for back in (12, 9, 6, 5, 3, 2):
            kit.now -= timedelta(days=back)
            for n in range(1 + back % 4):
                fresh = good.replace(b"0000", b"%04d" % (back * 10 + n), 1)
                kit.receive(re.sub(rb"HR-\d+", b"HR-5%02d%02d0" % (back, n), fresh), message_id=f"<{back}.{n}@harbor>")
                kit.work()
            kit.now += timedelta(days=back)
        kit.pass_time(minutes=1)
        self.ids["good"] = self._received(good, "<good@harbor>")
        self.ids["bad"] = self._received(bad, "<bad@harbor>")
        self.ids["noise"] = self._received(b"\x00\x01 no order at all \xff" * 40, "<noise@harbor>")
        self.ids["xml"] = self._received(b'<?xml version="1.0"?><Order><Id>1</Id><b>x</b></Order>', "<xml@harbor>")
        kit.pass_time(minutes=17)

    def add_alerts(self) -> None:
        """Two channels that told of the problems, one that did not work, a mute, and a partner that is quiet."""
        settings = AlertSettings(allow_private_webhooks=True, smtp_host="127.0.0.1", sender="gateway@alpine.example")
        self.alerting = replace(self.alerting, settings=settings)
        channel = {"kind": "mail", "target": "desk@alpine.example", "quiet_hours": "22:00-06:00", "actor": "root"}
        self.ids["channel"] = self.operate("alert.add", {**channel, "name": "Night desk"})["id"]
        hook = {"kind": "webhook", "target": "http://127.0.0.1:9/hooks", "least": "error", "actor": "root"}
        self.operate("alert.add", {**hook, "name": "Chat of operations", "kinds": ["problem", "delivery"]})
        self.kit.befriend(alerts={"quiet_after_hours": 0.25})
        sweep_events(self.alerting)
        run_checks(self.alerting, {})
        with self.kit.store.read() as session:
            due = batches.due_channels(session, self.kit.now)
        for one in due:
            while message := self.write(lambda s, one=one: batches.next_message(s, self.alerting, one, self.kit.now)):
                self.write(lambda s, message=message: batches.sent(s, message, "", self.kit.now))
        mute = {"kind": "queue", "hours": 24, "reason": "The partner moves to a new server", "actor": "root"}
        self.operate("alert.mute", mute)

    def _received(self, data: bytes, message_id: str) -> str:
        transmission = self.kit.receive(data, message_id=message_id)
        self.kit.work()
        documents = self.kit.documents(transmission_id=transmission)
        return documents[0].id if documents else transmission

    # -- browsing ----------------------------------------------------------------------------------------------

    def browser(self, name: str | None = None) -> Browser:
        """A browser, logged in when a name is given."""
        opened = Browser(self.app.test_client())
        if name is not None:
            answer = opened.post("/login", name=name, password=PASSWORD)
            assert answer.status_code == 303, answer.text
        return opened


class Browser:
    """The test client with what a browser does by itself: it keeps the form's token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={key.replace("_", "-"): value for key, value in headers.items()})

    def token(self, path: str = "/login") -> str:
        """The CSRF token of a page's form."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(path, follow_redirects=True).text)
        assert found is not None, path
        return found[1]

    def post(self, path: str, **form: Any) -> TestResponse:
        """Send a form with its token."""
        return self.client.post(path, data={"csrf_token": self.token(), **form})


def texts(answer: TestResponse) -> str:
    """A page's text without its markup and runs of blanks."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())
