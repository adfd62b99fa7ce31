"""Texts from anywhere, made fit for one line of a table or a terminal."""

MAX_REASON = 500


def one_line(text: str) -> str:
    """The text without control characters, on one line, of a length that fits a table."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"
