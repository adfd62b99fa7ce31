"""One fresh process that makes one artifact: exporters import torch and converters, the campaign's process does not."""

import warnings
from pathlib import Path

from mnv2bench.artifacts.export import export
from mnv2bench.workers.jobs import EXPORTER, ExportJob
from mnv2bench.workers.programs import Outcome, serve


def main(job: ExportJob) -> Outcome[None]:
    """Make the artifact; it appears in the cache whole or not at all."""
    warnings.simplefilter("ignore")  # converters deprecate themselves on stderr
    export(job.case, job.format, job.key, Path(job.source), job.options, job.weights)
    return Outcome()


if __name__ == "__main__":
    serve(EXPORTER, main)
