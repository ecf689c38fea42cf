"""Purchase orders as a partner's program writes them: every one different, small or large."""

from __future__ import annotations

__all__ = ["RECEIVER", "SENDER", "purchase_order"]

SENDER, RECEIVER = "HARBORRETAIL", "ALPINESUPPLY"
_TEXT = "Enamel mug, twelve ounces, forest green, in a carton marked by hand, no"


def purchase_order(number: int, remarks: int = 0) -> bytes:
    """An 850 with this control number and order number PO-0000; about 85 bytes more for each remark."""
    lines = max(1, -(-remarks // 500))
    body = [f"ST*850*{number:04}", f"BEG*00*SA*PO-{number:04}**20261120"]
    for line in range(1, lines + 1):
        body.append(f"PO1*{line}*12*EA*8.5**VN*AS-1101")
        body += [f"PID*F****{_TEXT} {count:04}" for count in range(min(remarks, 500))]
    body += [f"CTT*{lines}", f"SE*{len(body) + 2}*{number:04}"]
    segments = [
        f"ISA*00*          *00*          *ZZ*{SENDER:<15}*ZZ*{RECEIVER:<15}*261120*0830*U*00401*{number:09}*0*P*>",
        f"GS*PO*{SENDER}*{RECEIVER}*20261120*0830*{number}*X*004010",
        *body,
        f"GE*1*{number}",
        f"IEA*1*{number:09}",
    ]
    return ("~\n".join(segments) + "~\n").encode()
