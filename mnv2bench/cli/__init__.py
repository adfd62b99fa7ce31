"""The verbs. Exit codes: 0; 1 failed or slower; 2 bad input; 3 cannot be judged; 130 interrupted."""

from mnv2bench.cli import accepting, judging, measuring, memory, mobile, profiling, reading, series
from mnv2bench.cli.app import app, main

__all__ = ["accepting", "app", "judging", "main", "measuring", "memory", "mobile", "profiling", "reading", "series"]
