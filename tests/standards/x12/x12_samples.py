"""Interchanges built from parts, so that each test shows only what it is about."""

from __future__ import annotations

from collections.abc import Sequence

#: A small order: 4 segments between ST and SE.
ORDER_BODY = ("BEG*00*SA*4711**20260302", "N1*ST*NORTH DEPOT*92*D7", "PO1*1*12*EA*4.5**UP*012345678905", "CTT*1")


def isa(
    control: str = "000000101",
    *,
    sender: str = "ALDERMILL",
    receiver: str = "BIRCHHOUSE",
    standards_id: str = "U",
    version: str = "00401",
    ack: str = "0",
    usage: str = "T",
    component: str = ">",
    date: str = "260302",
    time: str = "0930",
) -> str:
    """ISA without terminator."""
    ids = f"ZZ*{sender:<15}*ZZ*{receiver:<15}"
    blank = " " * 10
    return f"ISA*00*{blank}*00*{blank}*{ids}*{date}*{time}*{standards_id}*{version}*{control}*{ack}*{usage}*{component}"


def order(control: str = "0001", body: Sequence[str] = ORDER_BODY, set_id: str = "850") -> list[str]:
    """One set with a right SE."""
    return [f"ST*{set_id}*{control}", *body, f"SE*{len(body) + 2}*{control}"]


def group(
    *sets: Sequence[str],
    control: str = "7",
    code: str = "PO",
    version: str = "004010",
    count: int | str | None = None,
    trailer: str | None = None,
    sender: str = "ALDER",
    receiver: str = "BIRCH",
) -> list[str]:
    """One group with a right GE, unless another count or trailer is given."""
    lines = [f"GS*{code}*{sender}*{receiver}*20260302*0930*{control}*X*{version}"]
    for each in sets:
        lines.extend(each)
    return [*lines, trailer or f"GE*{len(sets) if count is None else count}*{control}"]


def interchange(
    *groups: Sequence[str],
    header: str | None = None,
    count: int | str | None = None,
    trailer: str | None = "",
    before: Sequence[str] = (),
    terminator: str = "~\n",
) -> bytes:
    """One interchange; `trailer` None leaves IEA out, another text replaces it."""
    head = header or isa()
    lines = [head, *before]
    for each in groups:
        lines.extend(each)
    if trailer is not None:
        control = head.split("*")[13]
        lines.append(trailer or f"IEA*{len(groups) if count is None else count}*{control}")
    return "".join(line + terminator for line in lines).encode("latin-1")


def codes(findings: Sequence[object]) -> list[str]:
    """The codes of some findings."""
    return [finding.code for finding in findings]  # type: ignore[attr-defined]
