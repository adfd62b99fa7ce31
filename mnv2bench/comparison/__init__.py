"""The comparison report: Records as a tidy CSV and a Markdown page."""

from mnv2bench.comparison.chapters import Chapter, Source, chapters
from mnv2bench.comparison.page import markdown
from mnv2bench.comparison.tidy import csv, tidy

__all__ = ["Chapter", "Source", "chapters", "csv", "markdown", "tidy"]
