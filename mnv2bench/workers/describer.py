"""One fresh process that reads a network that no family declares: a campaign imports no torch and no onnx itself."""

import warnings
from pathlib import Path

from mnv2bench.networks import Description
from mnv2bench.refusals import Unavailable
from mnv2bench.workers.jobs import DESCRIBER, DescribeJob
from mnv2bench.workers.programs import Outcome, serve


def main(job: DescribeJob) -> Outcome[Description]:
    """What the network is. Raises Unavailable, with the reason, where it cannot be read."""
    warnings.simplefilter("ignore")  # of libraries on old files
    try:
        if job.file:
            from mnv2bench.artifacts import models

            description = models.read(Path(job.file), job.sides)
        else:
            from mnv2bench.networks import timm_networks

            description = timm_networks.read(job.network, job.sides, job.classes, job.channels)
    except ValueError as error:
        raise Unavailable(str(error)) from error
    return Outcome(result=description)


if __name__ == "__main__":
    serve(DESCRIBER, main)
