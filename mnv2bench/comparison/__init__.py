"""Records -> text: the comparison as a tidy CSV and a Markdown page."""

from mnv2bench.comparison.page import markdown
from mnv2bench.comparison.tidy import csv, tidy
from mnv2bench.report.rows import Row, Source

__all__ = ["Row", "Source", "csv", "markdown", "tidy"]
