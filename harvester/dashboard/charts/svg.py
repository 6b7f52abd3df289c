"""Parts of SVG that the charts share: coordinates, escaped text and elements."""

from html import escape

from harvester.text import printable


def coordinate(number: float) -> str:
    """With one decimal at most, so that the same values make the same bytes."""
    return f"{number:.1f}".removesuffix(".0")


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """An element whose attributes are escaped; its content must be SVG.

    A trailing underscore of a name is dropped, others become dashes; None and empty values are left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(_text(value))}"'
        for key, value in attributes.items()
        if value not in (None, "")
    )
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def title(text: str) -> str:
    """The title of a mark, for tooltips and screen readers."""
    return f"<title>{_escaped(text)}</title>"


def text(content: str, **attributes: object) -> str:
    return element("text", _escaped(content), **attributes)


def _escaped(words: str) -> str:
    """Text without markup and without characters that reverse or hide the text around them."""
    return escape(printable(words))


def _text(value: object) -> str:
    return coordinate(value) if isinstance(value, float) else str(value)
