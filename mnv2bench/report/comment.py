"""Comment: a text that is posted on GitHub, where words become mentions and links, and only so many have room."""

import re
from collections.abc import Sequence

from mnv2bench.report.cells import escape
from mnv2bench.texts import counted

MOST_CHARACTERS = 60_000  # GitHub takes 65,536; the last line of a product needs some of the rest
LINKED = re.compile(r"[@#](?=\w)|(?<=:)(?=//)|(?i:www)(?=\.)")  # what GitHub makes a mention or a link of
UNSEEN = "\u200b"  # a space without width


def comment_text(text: str) -> str:
    """Any text as plain words of a comment: no markup, no mention of anybody and no link."""
    return LINKED.sub(lambda match: match[0] + UNSEEN, escape(text))


def folded(summary: str, body: str) -> str:
    """A part of a comment that is folded away below its summary."""
    return f"<details><summary>{summary}</summary>\n\n{body.strip()}\n\n</details>\n"


def comment_of(first: str, sections: Sequence[str], noun: str, advice: str) -> str:
    """A comment of a first part and as many whole sections as have room; how many more there are, and what lists them.

    `noun` is what a section is about, such as file, and `advice` a sentence.
    """
    text = first
    for place, section in enumerate(sections):
        if len(text) + len(section) > MOST_CHARACTERS:
            return f"{text}\n{counted(len(sections) - place, f'more {noun}')}. {advice}\n"
        text += f"\n{section}"
    return text
