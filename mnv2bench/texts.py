"""Texts from anywhere, made fit for one line of a table or a terminal."""

MAX_REASON = 500
BEGINNING = 160  # characters that are kept of the beginning of a long text; the rest of the line is its end
SCANNED = 20_000  # characters of each end of an endless text that are looked at
CUT = " … "


def one_line(text: str) -> str:
    """The text without control characters, on one line, of a length that fits a table.

    A long text keeps its beginning and its end: a compiler says last what was wrong.
    """
    if len(text) > 2 * SCANNED:
        text = f"{text[:SCANNED]}{CUT}{text[-SCANNED:]}"
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= MAX_REASON:
        return line
    return f"{line[:BEGINNING].rstrip()}{CUT}{line[BEGINNING + len(CUT) - MAX_REASON :].lstrip()}"
