"""One fresh process that asks the NVIDIA driver about a device: the campaign's process loads no driver."""

from mnv2bench.gpu.driver import Device, require
from mnv2bench.workers.jobs import DRIVER, DriverJob
from mnv2bench.workers.programs import Outcome, serve


def main(job: DriverJob) -> Outcome[Device]:
    """The device as the driver tells of it. Raises Unavailable where the backend cannot use it."""
    return Outcome(result=require(job.index, job.cuda_version, job.backend))


if __name__ == "__main__":
    serve(DRIVER, main)
