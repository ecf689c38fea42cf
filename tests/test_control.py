"""The control socket: one JSON line in, one JSON line out, whatever the client does."""

from __future__ import annotations

import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import control
from gateway.control import (
    ControlError,
    ControlServer,
    Failure,
    NotRunningError,
    call,
    describe,
    is_running,
    socket_path,
)
from gateway.partners.errors import OperationError


def refuse(_: dict[str, Any]) -> None:
    raise OperationError("There is no partner acme.", "See `gateway partner list`.", details=["one", "two"])


def break_down(_: dict[str, Any]) -> None:
    raise KeyError("secret detail")


OPERATIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "echo": lambda parameters: parameters,
    "refuse": refuse,
    "break": break_down,
    "set": lambda _: {1, 2},
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    server = ControlServer(socket_path(tmp_path), OPERATIONS, max_line_bytes=100_000)
    server.start()
    yield tmp_path
    server.stop()


def talk(home: Path, *lines: bytes, close: bool = True) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        with control._short_address(socket_path(home)) as address:
            client.connect(address)
        client.sendall(b"".join(lines))
        if close:
            client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answers:
            return [json.loads(line) for line in answers]


def test_an_operation_gets_its_parameters_and_answers(home: Path) -> None:
    assert call(home, "echo", text="Zoë", nested={"a": [1, None]}) == {
        "text": "Zoë",
        "nested": {"a": [1, None]},
    }


def test_a_refusal_arrives_with_its_remedy_and_details(home: Path) -> None:
    with pytest.raises(ControlError) as caught:
        call(home, "refuse")
    assert str(caught.value) == "There is no partner acme."
    assert caught.value.fix == "See `gateway partner list`."
    assert caught.value.details == ("one", "two")


def test_a_fault_is_a_sentence_with_an_id_and_its_traceback_is_only_logged(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ControlError) as caught:
        call(home, "break")
    assert "secret detail" not in str(caught.value)
    reference = str(caught.value).split("error id ")[1].split(")")[0]
    assert reference in caplog.text
    assert "secret detail" in caplog.text


def test_a_result_that_is_not_json_is_a_fault_not_a_dead_connection(home: Path) -> None:
    with pytest.raises(ControlError, match="failed unexpectedly"):
        call(home, "set")


def test_an_unknown_operation_names_the_known_ones(home: Path) -> None:
    with pytest.raises(ControlError, match='no operation "nope"; it knows break, echo, refuse, set'):
        call(home, "nope")


def test_only_the_owner_may_use_the_socket(home: Path) -> None:
    path = socket_path(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_stranger_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_same_user", lambda _: False)
    with pytest.raises(ControlError, match="serves the user that runs"):
        call(home, "echo")


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"not json\n",
        b"[]\n",
        b'"echo"\n',
        b"\xff\xfe\n",
        b'{"operation":"echo","parameters":[]}\n',
        b"[" * 9000,
    ],
)
def test_what_is_no_request_is_answered_and_the_next_request_still_works(home: Path, line: bytes) -> None:
    good = b'{"operation":"echo","parameters":{"a":1}}\n'
    answers = talk(home, line if line.endswith(b"\n") else line + b"\n", good)
    assert [answer["ok"] for answer in answers] == [False, True]


@pytest.mark.parametrize("operation", [b"null", b"1", b"{}", b"[]"])
def test_an_operation_that_is_no_name_is_refused(home: Path, operation: bytes) -> None:
    assert not talk(home, b'{"operation":' + operation + b"}\n")[0]["ok"]


def test_a_request_above_the_limit_is_refused_without_reading_it_all(home: Path) -> None:
    answers = talk(home, b'{"operation":"' + b"x" * 100_000 + b'"}\n')
    assert "larger than 100000 bytes" in answers[0]["error"]


def test_a_silent_client_is_hung_up_on(tmp_path: Path) -> None:
    server = ControlServer(socket_path(tmp_path), OPERATIONS, idle_seconds=0.05)
    server.start()
    try:
        assert talk(tmp_path, close=False) == []
    finally:
        server.stop()


def test_many_clients_are_served_at_once(home: Path) -> None:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(call(home, "echo", n=n))) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answer["n"] for answer in answers) == list(range(40))


def test_a_service_without_room_is_waited_for_and_counts_as_running(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket.connect
    refusals = iter([True, True, False])

    def full(self: socket.socket, address: object) -> None:
        if next(refusals):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        real(self, address)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", full)
        assert is_running(home)
        assert call(home, "echo", a=1) == {"a": 1}
    monkeypatch.setattr(control, "CONNECT_SECONDS", 0.0)
    refusals = iter([True, True])
    monkeypatch.setattr(socket.socket, "connect", full)
    with pytest.raises(ControlError, match="more commands to answer"):
        call(home, "echo")


def test_a_service_is_seen_to_run_and_not_to_run(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert is_running(home)
    assert not is_running(tmp_path_factory.mktemp("elsewhere"))


def test_without_a_service_the_caller_learns_that_none_runs(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError):
        call(tmp_path, "echo")


def test_a_socket_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as dead, control._short_address(path) as address:
        dead.bind(address)
    with pytest.raises(NotRunningError):
        call(tmp_path, "echo")
    server = ControlServer(path, OPERATIONS)
    server.start()
    assert call(tmp_path, "echo", a=1) == {"a": 1}
    server.stop()
    assert not path.exists()


def test_a_second_service_cannot_take_the_socket(home: Path) -> None:
    with pytest.raises(ControlError, match="Another service answers"):
        ControlServer(socket_path(home), OPERATIONS).start()
    assert call(home, "echo") == {}


def test_a_file_in_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(ControlError, match="is not a socket"):
        ControlServer(path, OPERATIONS).start()
    assert path.read_text() == "precious"


def test_a_long_directory_name_is_no_obstacle(tmp_path: Path) -> None:
    home = tmp_path / ("long-" * 30)
    server = ControlServer(socket_path(home), OPERATIONS)
    server.start()
    assert call(home, "echo", a=1) == {"a": 1}
    server.stop()


def test_stopping_lets_a_running_operation_answer(tmp_path: Path) -> None:
    started, release = threading.Event(), threading.Event()

    def slow(_: dict[str, Any]) -> str:
        started.set()
        release.wait(10)
        return "done"

    server = ControlServer(socket_path(tmp_path), {"slow": slow})
    server.start()
    answers: list[Any] = []
    client = threading.Thread(target=lambda: answers.append(call(tmp_path, "slow")))
    client.start()
    assert started.wait(10)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    release.set()
    stopper.join(10)
    client.join(10)
    assert answers == ["done"]


def test_stopping_does_not_wait_for_clients_that_found_no_room(tmp_path: Path) -> None:
    started, release = threading.Event(), threading.Event()

    def slow(_: dict[str, Any]) -> str:
        started.set()
        release.wait(10)
        return "done"

    class Slots(threading.BoundedSemaphore):
        def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
            got = super().acquire(blocking, timeout)
            if not got:
                full.set()
            return got

    full = threading.Event()
    server = ControlServer(socket_path(tmp_path), {"slow": slow})
    server._slots = Slots(1)
    server.start()
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(call(tmp_path, "slow")))
    first.start()
    assert started.wait(10)
    with socket.socket(socket.AF_UNIX) as second, control._short_address(socket_path(tmp_path)) as address:
        second.connect(address)
        assert full.wait(10)
        server._stopping.set()
        second.settimeout(10)
        assert second.recv(1) == b""
        release.set()
        server.stop()
    first.join(10)
    assert answers == ["done"]


def test_a_service_that_dies_in_mid_answer_leaves_the_outcome_open(tmp_path: Path) -> None:
    path = socket_path(tmp_path)
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        with control._short_address(path) as address:
            listener.bind(address)
        listener.listen()

        def die() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(1000)
                client.sendall(b'{"ok": tr')

        thread = threading.Thread(target=die)
        thread.start()
        with pytest.raises(ControlError, match="whether it was done is not known"):
            call(tmp_path, "echo")
        thread.join(10)


def test_a_socket_of_another_user_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", denied)
    with pytest.raises(ControlError, match="You may not use"):
        call(tmp_path, "echo")


def test_errors_of_the_package_are_sentences_and_others_are_faults(tmp_path: Path) -> None:
    assert describe(OperationError("No.", "Try.", ["a"])) == Failure("No.", "Try.", ("a",))
    assert describe(ValueError("boo")) is None
    assert describe(OSError("no file name")) is None
    try:
        (tmp_path / "x").read_bytes()
    except OSError as error:
        failure = describe(error)
        assert failure is not None
        assert failure.error == f"{tmp_path / 'x'}: No such file or directory."
