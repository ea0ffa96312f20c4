"""HTML and SVG from Python, escaped by default: what is not markup is text."""

from html import escape

Attribute = str | int | float | None


class Markup(str):
    """Text that is markup already; anything else is escaped when it becomes a child."""

    __slots__ = ()


_EMPTY = frozenset({"meta", "br", "img", "input", "link"})


def tag(name: str, *children: str, **attributes: Attribute) -> Markup:
    """An element; ``class_`` and ``data_tip`` become class and data-tip, None leaves one out."""
    words = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    if name in _EMPTY and not children:
        return Markup(f"<{name}{''.join(words)}>")
    return Markup(f"<{name}{''.join(words)}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Children one after another."""
    return Markup("".join(c if isinstance(c, Markup) else escape(c, quote=False) for c in children))


def _number(value: str | float) -> str:
    """Coordinates to a hundredth, which is finer than a screen shows."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
