"""Write the JSON Schema of every canonical document: `python -m gateway.documents.generate [FOLDER]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gateway.documents.codec import json_schemas

__all__ = ["main", "rendered_schemas"]


def rendered_schemas() -> dict[str, str]:
    """File name → text of each schema file."""
    return {
        f"{kind}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for kind, schema in json_schemas().items()
    }


def main(arguments: list[str]) -> int:
    """Write the files into the folder named, by default `schemas/documents` here."""
    folder = Path(arguments[0]) if arguments else Path("schemas/documents")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in rendered_schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
