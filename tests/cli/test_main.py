"""The frame of the command line: lazy commands, sentences instead of tracebacks, plain output when piped."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import gateway
from gateway import control
from gateway.cli import common, main
from gateway.cli.common import CommandError, call, clean, console, find_dir, print_table
from gateway.cli.send import send_command
from gateway.cli.up import up_command
from gateway.partners.errors import OperationError
from gateway.settings import company_named, write_default
from gateway.store.errors import StoreLockedError


class Context:
    """What the fake service opens."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_default(tmp_path, company_named("Alpine Supply"))
    return tmp_path


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A stand-in for the composition root, whose operations a test fills in."""
    fake = types.SimpleNamespace(OPERATIONS={}, opened=[], ran=[])

    def open_context(directory: Path) -> Context:
        fake.opened.append(Context(directory))
        return fake.opened[-1]  # type: ignore[no-any-return]

    fake.open_context = open_context
    fake.run = lambda directory, role: fake.ran.append((directory, role))
    monkeypatch.setitem(sys.modules, "gateway.service", fake)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "gateway.service.run", fake)  # type: ignore[arg-type]
    monkeypatch.setattr(gateway, "service", fake, raising=False)
    return fake


@pytest.fixture
def listening(home: Path) -> Iterator[Callable[..., control.ControlServer]]:
    servers = []

    def start(**operations: Callable[[dict[str, Any]], Any]) -> control.ControlServer:
        server = control.ControlServer(control.socket_path(home), operations)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main(list(arguments))
    return int(ended.value.code or 0)


def command(monkeypatch: pytest.MonkeyPatch, body: Callable[[], Any]) -> None:
    """Put a command named "trial" into the table."""
    module = types.ModuleType("trial_module")
    module.trial = click.command("trial")(body)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "trial_module", module)
    monkeypatch.setitem(main.COMMANDS, "trial", main.LazyCommand("trial_module", "trial", "Try."))


# -- the group -------------------------------------------------------------------------------------


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        "import sys; from gateway.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = ('gateway.cli.', 'sqlalchemy', 'pydantic', 'twisted')\n"
        "print(sorted(m for m in sys.modules if m.startswith(heavy)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    for name in main.COMMANDS:
        assert f"\n  {name} " in done.stdout
    assert done.stdout.splitlines()[-1] == "['gateway.cli.main']"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"gateway {gateway.__version__}\n"


@pytest.mark.parametrize("arguments", [["nope"], ["--nope"], ["up", "--role", "king"], ["send"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err


@pytest.mark.parametrize("attribute", ["no_such_attribute", "COMMANDS"])
def test_a_missing_command_is_a_sentence_and_breaks_no_other(
    attribute: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = "gateway.no_such_module" if attribute == "COMMANDS" else "gateway.cli.main"
    monkeypatch.setitem(main.COMMANDS, "demo", main.LazyCommand(module, attribute, "Broken."))
    assert run("demo") == 1
    assert "not part of this installation" in capsys.readouterr().err
    assert run("--version") == 0
    assert run("--help") == 0


# -- errors ----------------------------------------------------------------------------------------


def test_a_known_error_is_its_sentence_and_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def body() -> None:
        raise OperationError("There is no partner acme.", "See `gateway partner list`.", ["detail"])

    command(monkeypatch, body)
    assert run("trial") == 1
    assert capsys.readouterr().err == "There is no partner acme.\n  detail\nSee `gateway partner list`.\n"


def test_an_error_of_the_system_names_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command(monkeypatch, lambda: (tmp_path / "gone").read_bytes())
    assert run("trial") == 1
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'gone'}: No such file or directory.")


def broken() -> None:
    raise KeyError("inner detail")


def test_a_fault_is_a_sentence_with_an_id_and_its_traceback_is_in_the_log(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, broken)
    monkeypatch.setenv("GATEWAY_DIR", str(home))
    assert run("trial") == 70
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "inner detail" not in error
    log = (home / "log/gateway.log").read_text()
    assert error.split("error id ")[1][:8] in log
    assert "Traceback" in log
    assert "inner detail" in log


def test_the_log_of_a_fault_is_that_of_the_directory_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main._log_of(["doctor", "--dir", str(home)]) == home / "log/gateway.log"
    (home / "gateway.toml").write_text("broken")
    assert main._log_of(["doctor", "--dir", str(home)]) is None


def test_without_a_working_directory_the_traceback_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, broken)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_DIR", raising=False)
    monkeypatch.setattr(main.tempfile, "gettempdir", lambda: str(tmp_path))
    assert run("trial") == 70
    [log] = tmp_path.glob("gateway-error-*.log")
    assert str(log) in capsys.readouterr().err
    assert "inner detail" in log.read_text()


def test_a_traceback_that_no_file_takes_is_printed_as_the_last_resort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, broken)
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(main.tempfile, "gettempdir", lambda: str(tmp_path / "file/below"))
    assert run("trial") == 70
    assert "the lines above" in capsys.readouterr().err


def interrupt() -> None:
    raise KeyboardInterrupt


def test_ctrl_c_is_a_word_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(monkeypatch, interrupt)
    assert run("trial") == 130
    assert "Stopped." in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    script = (
        "import click, sys, types\n"
        "from gateway.cli import main\n"
        "module = types.ModuleType('trial_module')\n"
        "module.trial = click.command('trial')(lambda: click.echo('x' * 1_000_000))\n"
        "sys.modules['trial_module'] = module\n"
        "main.COMMANDS['trial'] = main.LazyCommand('trial_module', 'trial', '')\n"
        "main.main(['trial'])\n"
    )
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == 1


# -- the working directory -------------------------------------------------------------------------


def test_the_directory_is_the_one_named_then_the_variable_then_the_nearest(
    home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    below = home / "inbox" / "acme"
    below.mkdir(parents=True)
    monkeypatch.delenv("GATEWAY_DIR", raising=False)
    monkeypatch.chdir(below)
    assert find_dir(None) == home
    monkeypatch.chdir(elsewhere)
    assert find_dir(home) == home
    monkeypatch.setenv("GATEWAY_DIR", str(home))
    assert find_dir(None) == home


def test_a_missing_directory_is_a_sentence_that_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GATEWAY_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    for option in (None, tmp_path):
        with pytest.raises(CommandError) as caught:
            find_dir(option)
        assert caught.value.exit_code == 2
        assert "gateway init" in caught.value.fix


# -- operations ------------------------------------------------------------------------------------


def test_an_operation_goes_to_the_running_service(
    home: Path, service: types.SimpleNamespace, listening: Callable[..., object]
) -> None:
    listening(echo=lambda parameters: {"by": "service", **parameters})
    assert call(home, "echo", a=1) == {"by": "service", "a": 1}
    assert service.opened == []


def test_without_a_service_the_operation_runs_here_and_the_store_is_closed(
    home: Path, service: types.SimpleNamespace
) -> None:
    service.OPERATIONS["echo"] = lambda context, parameters: {
        "home": str(context.home),
        "t": (1,),
        **parameters,
    }
    assert call(home, "echo", pair=(1, 2)) == {"home": str(home), "t": [1], "pair": [1, 2]}
    assert [context.closed for context in service.opened] == [True]


def test_a_failed_operation_closes_the_store_too(home: Path, service: types.SimpleNamespace) -> None:
    def refuse(_: Context, __: dict[str, Any]) -> None:
        raise OperationError("No.")

    service.OPERATIONS["refuse"] = refuse
    with pytest.raises(CommandError, match="No"):
        call(home, "refuse")
    assert service.opened[0].closed


def test_a_fault_of_an_operation_is_not_dressed_up_as_a_refusal(home: Path, service: types.SimpleNamespace) -> None:
    service.OPERATIONS["break"] = lambda *_: broken()
    with pytest.raises(KeyError):
        call(home, "break")


def test_a_refusal_of_the_service_keeps_its_remedy(home: Path, listening: Callable[..., object]) -> None:
    def refuse(_: dict[str, Any]) -> None:
        raise OperationError("No.", "Try.", ["one"])

    listening(refuse=refuse)
    with pytest.raises(CommandError) as caught:
        call(home, "refuse")
    assert (caught.value.message, caught.value.fix, caught.value.details) == ("No.", "Try.", ("one",))
    shown = io.StringIO()
    caught.value.show(shown)
    assert shown.getvalue() == "No.\n  one\nTry.\n"


def test_an_operation_that_the_release_lacks_is_a_sentence(home: Path, service: types.SimpleNamespace) -> None:
    with pytest.raises(CommandError, match='no operation "nope"'):
        call(home, "nope")


def test_a_service_that_is_just_starting_is_waited_for(
    home: Path,
    service: types.SimpleNamespace,
    listening: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service.OPERATIONS["echo"] = lambda _, parameters: parameters
    tried = threading.Event()

    def locked(_: Path) -> Context:
        if not tried.is_set():
            tried.set()
            listening(echo=lambda _: "by service")
        raise StoreLockedError("in use")

    service.open_context = locked
    assert call(home, "echo") == "by service"
    monkeypatch.setattr(common, "LOCK_SECONDS", 0.0)
    monkeypatch.setattr(control, "call", _nobody)
    with pytest.raises(StoreLockedError):
        call(home, "echo")


def _nobody(*_: object, **__: object) -> None:
    raise control.NotRunningError("no")


# -- output ----------------------------------------------------------------------------------------


def test_control_characters_from_outside_never_reach_the_terminal() -> None:
    assert clean("a\x1b[31mred\x07\x00\nb\ud800") == "a\\x1b[31mred\\x07\\x00 b?"
    assert clean("two\nlines", lines=True) == "two\nlines"


def test_a_piped_table_is_one_line_per_row_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "b"), [("1", None), ("x\ty", "[bold]z")])
    assert capsys.readouterr().out == "a\tb\n1\t\nx\\x09y\t[bold]z\n"


def test_a_table_on_a_terminal_has_columns_and_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    def terminal() -> Console:
        return Console(force_terminal=True, no_color=True, width=80, markup=False)

    monkeypatch.setattr(common, "console", terminal)
    print_table(("name", "state"), [("[bold]acme", "live")])
    out = capsys.readouterr().out
    assert "[bold]acme" in out
    assert "\t" not in out


def test_piped_lines_are_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("x" * 500)
    assert capsys.readouterr().out == "x" * 500 + "\n"


# -- up and send -----------------------------------------------------------------------------------


def test_up_runs_the_service_of_the_directory_in_its_role(home: Path, service: types.SimpleNamespace) -> None:
    done = CliRunner().invoke(up_command, ["--dir", str(home), "--role", "work"])
    assert done.exit_code == 0
    assert service.ran == [(home, "work")]


def taken(_: Context, parameters: dict[str, Any]) -> dict[str, Any]:
    import base64

    [entry] = parameters["files"]
    content = base64.b64decode(entry["content"])
    if content == b"bad":
        reasons = [
            {"path": "lines[0]", "message": "No.", "fix": "Fix."},
            {"path": "", "message": "Nor this."},
        ]
        before = [{"result": "queued", "reference": "order 0 to acme"}]
        return {"files": [{"name": entry["name"], "result": "refused", "reasons": reasons, "documents": before}]}
    reference = f"order 1 to {parameters['partner']}{' as is' if parameters['as_is'] else ''}"
    return {"files": [{"name": entry["name"], "result": "queued", "reference": reference, "reasons": []}]}


def test_send_hands_in_each_file_and_says_what_happened(home: Path, service: types.SimpleNamespace) -> None:
    service.OPERATIONS["send"] = taken
    good, bad = home / "good.json", home / "bad.json"
    good.write_bytes(b"good")
    bad.write_bytes(b"bad")
    done = CliRunner().invoke(send_command, ["--dir", str(home), "--partner", "acme", str(good), str(bad)])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"{good}: queued, order 1 to acme",
        f"{bad}: refused",
        "  lines[0]: No. Fix.",
        "  Nor this.",
        "  Not refused, queued: order 0 to acme",
    ]


def test_send_prints_json_and_reads_standard_input(home: Path, service: types.SimpleNamespace) -> None:
    service.OPERATIONS["send"] = taken
    done = CliRunner().invoke(
        send_command, ["--dir", str(home), "--partner", "acme", "--as-is", "--json", "-"], input="ISA"
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout) == [
        {"name": "-", "result": "queued", "reference": "order 1 to acme as is", "reasons": []}
    ]


def test_send_sends_nothing_when_one_name_is_wrong(
    home: Path, service: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.cli import send

    service.OPERATIONS["send"] = taken
    good = home / "good.json"
    good.write_bytes(b"good")
    done = CliRunner().invoke(send_command, ["--dir", str(home), str(good), str(home / "gone.json")])
    assert done.exit_code == 2
    assert "cannot be read" in done.stderr
    monkeypatch.setattr(send, "MAX_FILE_BYTES", 3)
    done = CliRunner().invoke(send_command, ["--dir", str(home), str(good)])
    assert done.exit_code == 2
    assert "at most 3 are sent" in done.stderr
    assert service.opened == []


# -- a partner's rules for inspect and convert -----------------------------------------------------


def test_the_options_of_a_partner_come_from_its_profile_or_its_file(home: Path, service: types.SimpleNamespace) -> None:
    from gateway.partners.profile import validation_options
    from gateway.partners.yamlform import load_partner_file

    file = home / "acme.yaml"
    file.write_text("code: acme\nname: Acme\n")
    [profile] = load_partner_file(file)
    service.OPERATIONS["partner.show"] = lambda _, parameters: {
        "profile": profile.model_copy(update={"code": parameters["name"]}).model_dump(mode="json")
    }
    expected = validation_options(profile)
    order = types.SimpleNamespace(set_id="850")
    for name, directory in (("acme", home), (str(file), None)):
        assert common.validation_options_for_partner(name, directory)(None, None, order) == expected


def test_a_file_with_two_partners_does_not_say_whose_rules_are_meant(tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text("partners:\n- {code: a, name: A}\n- {code: b, name: B}\n")
    with pytest.raises((CommandError, OperationError)):
        common.validation_options_for_partner(str(file))
