"""Interop tests borrow the AS2 test kit."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "transports" / "as2"))
