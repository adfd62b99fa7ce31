"""One fresh process of probes: matrix products and copies, timed by the loop that times cases."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnv2bench.machine import caches
from mnv2bench.profiling import probes
from mnv2bench.profiling.records import Probes, measured, probes_to_json
from mnv2bench.records import Plan
from mnv2bench.workers.loop import measure
from mnv2bench.workers.outcome import outcome


def main(job: dict[str, Any]) -> dict[str, Any]:
    threads, plan = int(job["threads"]), Plan(**job["plan"])
    sizes, found, notes = caches(), [], []
    for library in probes.LIBRARIES:
        try:
            for ready in probes.probes(library, threads, sizes):
                with ready.kernel as kernel:
                    _, rounds = measure(kernel, plan, threads)
                found.append(replace(ready.probe, rounds=rounds))
        except ModuleNotFoundError as error:
            notes.append(f"{error.name} is not installed: its probes are missing")
    told = Probes(threads, 0, "ok", "", 0.0, tuple(found), sizes, tuple(notes))
    return {"measured": measured(probes_to_json(told))}


if __name__ == "__main__":
    outcome(main, json.loads(Path(sys.argv[1]).read_text()))
