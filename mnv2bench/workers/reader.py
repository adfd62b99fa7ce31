"""One fresh process that reads a file of weights: the campaign's process imports no torch."""

import warnings
from pathlib import Path

from mnv2bench.artifacts import stored
from mnv2bench.artifacts.weights import WeightsFile
from mnv2bench.refusals import Unavailable
from mnv2bench.workers.jobs import READER, ReadJob
from mnv2bench.workers.programs import Outcome, serve


def main(job: ReadJob) -> Outcome[WeightsFile]:
    """What the file holds. Raises Unavailable, with the reason, where it is no file of weights."""
    warnings.simplefilter("ignore")  # torch's on old pickles
    try:
        file, _ = stored.read(Path(job.file))
    except ValueError as error:
        raise Unavailable(str(error)) from error
    return Outcome(result=file)


if __name__ == "__main__":
    serve(READER, main)
