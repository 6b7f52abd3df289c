"""Renders templates as HTML in which untrusted text is only displayed."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harvester.dashboard.states import sign
from harvester.text import counted, printable_lines, size, when

STATIC = Path(__file__).with_name("static")
_TEMPLATES = Path(__file__).with_name("templates")


def rendered(template: str, values: Mapping[str, Any]) -> str:
    return environment().get_template(template).render(values)


@cache
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "counted": counted,
        "number": lambda number: f"{number:,}",
        "size": size,
        "when": lambda moment: when(str(moment)),
        "dollars": dollars,
        "sign": sign,
        "link": link,
    }
    return made


def _readable(value: Any) -> Any:
    """Text without characters that reverse, hide or forge the text around it."""
    if value is None:
        return ""
    return printable_lines(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def dollars(usd: float) -> str:
    """An amount with cents, and with more digits if it is less than a cent."""
    if not usd:
        return "$0"
    return f"${usd:.4f}" if abs(usd) < 0.01 else f"${usd:,.2f}"


def link(address: str) -> str:
    """An address that is safe to link; empty for `javascript:` and similar schemes."""
    return address if address.lower().startswith(("https://", "http://")) else ""
