"""Make a store with very many messages for looking at the staff pages: ``python -m tests.bench.million FILE``."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.bench.webdata import make_store


def main() -> None:
    """Make the file and say how long it took and what to look for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the database to be made; it must not be there")
    parser.add_argument("--messages", type=int, default=1_000_000)
    given = parser.parse_args()
    if given.file.exists():
        sys.exit(f"{given.file} is there already.")
    begun = time.perf_counter()
    made = make_store(given.file, given.messages, datetime.now(UTC), print)
    print(f"{made.messages:,} messages in {time.perf_counter() - begun:.0f} s, {given.file.stat().st_size:,} bytes")
    print(made)


if __name__ == "__main__":
    main()
