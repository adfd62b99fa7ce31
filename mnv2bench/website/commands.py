"""The commands that measure a case again and that print a number: files keep plans, and no command lines."""

import shlex

from mnv2bench.networks import CLASSES, IMAGE_CHANNELS, is_file
from mnv2bench.website.rows import Row, Summary

LATENCY, THROUGHPUT = "latency", "throughput"


def measuring_command(row: Row, summary: Summary) -> str:
    """A command that measures the case as this file's campaign did, but for the other cases that ran among it."""
    options = {
        "networks": "" if is_file(row.network) else row.network,
        "widths": "" if is_file(row.network) else f"{row.width:g}",
        "resolutions": row.resolution,
        "classes": "" if row.classes == CLASSES or is_file(row.network) else str(row.classes),
        "channels": "" if row.channels == IMAGE_CHANNELS or is_file(row.network) else str(row.channels),
        "backends": row.backend,
        "devices": row.device,
        "precisions": row.precision,
        "threads": str(row.threads),
        "batches": str(row.batch),
        "streams": "" if row.streams == 1 else str(row.streams),
        "suites": LATENCY if row.batch == row.streams == 1 else THROUGHPUT,
        "processes": str(summary.processes),
        "rounds": str(summary.rounds),
    }
    words = [word for name, value in options.items() if value for word in (f"--{name}", value)]
    model = ["--model", "FILE"] if is_file(row.network) else []
    return shlex.join(["mnv2bench", "run", *words, *model])


def printing_command(row: Row, file: str) -> str:
    """A command that prints what the site shows of the case, from a file by its name."""
    words = ["tails", row.case, file] if row.latency_ms is not None and row.told_by is None else ["report", file]
    return shlex.join(["mnv2bench", *words])
