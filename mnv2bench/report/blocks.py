"""Blocks: the headings, texts and tables of a page, which becomes Markdown or is shown on a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench.report.cells import table


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title of the page."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Plain sentences."""

    text: str


@dataclass(frozen=True)
class Listing:
    """Sentences, each a point of a list."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class TableBlock:
    """A table of plain texts; the first `texts` columns align left, the others right."""

    header: Sequence[str]
    lines: Sequence[Sequence[str]]
    texts: int = 1


Block = Heading | Paragraph | Listing | TableBlock


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks as a page of Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text.strip()
        case Listing(sentences):
            return "\n".join(f"- {sentence}" for sentence in sentences)
        case TableBlock(header, lines, texts):
            return table(header, lines, texts).strip()
