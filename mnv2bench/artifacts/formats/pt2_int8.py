"""An AOTInductor package in int8, compiled from the quantised program for this processor and number of threads."""

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, compile_package
from mnv2bench.backends.shared.torch_session import quantised_program

FORMAT = Format(suffix=".int8.pt2", made_from="pt2e", per_machine=True, quantises_files=("pt2",))


def export(job: Job) -> None:
    compile_package(job, quantised_program(job.source), {})
