"""A form of a page as a browser holds and sends it, read from the HTML alone."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from werkzeug.test import TestResponse

from tests.web.webkit import Browser

__all__ = ["Sheet", "read_form"]


class _Reader(HTMLParser):
    """Collects what the forms of a page would send: (action, names and values)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[tuple[str, dict[str, list[str]]]] = []
        self.invalid: set[str] = set()
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((named.get("action", ""), {}))
        if named.get("aria-invalid") == "true":
            self.invalid.add(named.get("name", ""))
        if tag == "select":
            self._select, self._options = named.get("name"), []
        elif tag == "option" and self._select is not None:
            self._options.append((named.get("value", ""), "selected" in named))
        elif tag == "textarea":
            self._area, self._text = named.get("name"), ""
        elif tag == "input" and named.get("type") not in ("file", "submit"):
            box = named.get("type") in ("checkbox", "radio")
            if named.get("name") and (not box or "checked" in named):
                self._add(named["name"], named.get("value", "on" if box else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select is not None:
            chosen = [value for value, selected in self._options if selected] or [v for v, _ in self._options[:1]]
            for value in chosen[:1]:
                self._add(self._select, value)
            self._select = None
        elif tag == "textarea" and self._area is not None:
            self._add(self._area, self._text.removeprefix("\n").replace("\n", "\r\n"))
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._text += data

    def _add(self, name: str, value: str) -> None:
        if self.forms:
            self.forms[-1][1].setdefault(name, []).append(value)


def read_form(html: str, action: str) -> tuple[dict[str, list[str]], set[str]]:
    """(what the form with this in its address would send, names of the fields that are marked as wrong)."""
    reader = _Reader()
    reader.feed(html)
    return next(fields for where, fields in reader.forms if action in where), reader.invalid


class Sheet:
    """One page with a form in a browser: fields are typed, buttons are pressed, the next page is there."""

    def __init__(self, browser: Browser, answer: TestResponse, action: str) -> None:
        self.browser, self.answer, self.action = browser, answer, action
        self.fields, self.invalid = read_form(answer.text, action)

    @classmethod
    def opened(cls, browser: Browser, address: str, action: str = "/edit") -> Sheet:
        answer = browser.get(address)
        assert answer.status_code == 200, answer.text
        return cls(browser, answer, action)

    def type(self, **values: Any) -> Sheet:
        """Type into fields; dots and brackets of a name are written as they are by a mapping."""
        return self.fill(values)

    def fill(self, values: dict[str, Any]) -> Sheet:
        for name, value in values.items():
            if value is None:
                self.fields.pop(name, None)
            else:
                self.fields[name] = value if isinstance(value, list) else [value]
        return self

    def press(self, do: str, **more: Any) -> TestResponse:
        """Send the form by one of its buttons; the answer as it is."""
        return self.browser.client.post(self._address(), data={**self.fields, "do": do, **more})

    def step(self, do: str, **more: Any) -> Sheet:
        """Send the form by one of its buttons; the page that comes."""
        answer = self.press(do, **more)
        assert answer.status_code in (200, 400, 409), answer.text
        return Sheet(self.browser, answer, self.action)

    def _address(self) -> str:
        reader = _Reader()
        reader.feed(self.answer.text)
        return next(where for where, _ in reader.forms if self.action in where).partition("#")[0]
