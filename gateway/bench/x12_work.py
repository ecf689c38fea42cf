"""One measured piece of work of `bench x12`, run as a process of its own.

Called as `python -m gateway.bench.x12_work ours FILE [FIRST]`, `… verdict FILE [FIRST]` or `… pyx12 FILE MAPS [FIRST]`.
FIRST is a small file that is worked on before the clock starts, as in a gateway that has been running for a while.

Prints `{"seconds": CPU seconds, "segments": count, "rss_mib": peak memory}`; exits 1 when the file is called bad.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.bench.rows import peak_rss_mib

__all__ = ["main"]


def _ours(source: Path, acknowledged: bool) -> Callable[[], bool]:
    from gateway.standards.x12.acknowledge import AckControls, acknowledge
    from gateway.standards.x12.check import check_transmission

    def work() -> bool:
        checked = check_transmission(source.read_bytes())
        good = checked.verdict == "accepted"
        for interchange in checked.interchanges if acknowledged else ():
            now = datetime(2024, 3, 15, tzinfo=UTC)
            answer = acknowledge(interchange, controls=AckControls(1, 1), now=now)
            good = good and answer is not None and b"AK9*R" not in answer
        return good

    return work


def _pyx12(source: Path, maps: Path) -> Callable[[], bool]:
    import pyx12.params
    import pyx12.x12n_document

    def work() -> bool:
        parameters = pyx12.params.ParamsBase()
        parameters.set("charset", "E")
        answer = io.StringIO()
        good = pyx12.x12n_document.x12n_document(parameters, str(source), answer, None, None, map_path=str(maps))
        return bool(good) and "AK9*A" in answer.getvalue()

    return work


def main(arguments: list[str]) -> int:
    """Measure one piece of work; returns the exit status."""
    what, source, *rest = arguments
    path = Path(source)
    maps = Path(rest.pop(0)) if what == "pyx12" else Path()
    works: dict[str, Callable[[Path], Callable[[], bool]]] = {
        "ours": lambda file: _ours(file, acknowledged=True),
        "verdict": lambda file: _ours(file, acknowledged=False),
        "pyx12": lambda file: _pyx12(file, maps),
    }
    if rest:
        works[what](Path(rest[0]))()
    work = works[what](path)
    begun = time.process_time()
    good = work()
    seconds = time.process_time() - begun
    if not good:
        sys.stderr.write(f"{what} calls the file bad\n")
        return 1
    peak = peak_rss_mib()
    result = {"seconds": seconds, "segments": path.read_bytes().count(b"~"), "rss_mib": peak}
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
