"""Records -> text: the comparison as a tidy CSV and a Markdown page."""

from mnv2bench.report.markdown import markdown
from mnv2bench.report.rows import Row, Source
from mnv2bench.report.tidy import csv, tidy

__all__ = ["Row", "Source", "csv", "markdown", "tidy"]
