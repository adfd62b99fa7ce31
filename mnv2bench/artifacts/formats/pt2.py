"""An AOTInductor package: torch.export, compiled for this processor and number of threads."""

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, compile_package, exported_program

FORMAT = Format(suffix=".pt2", per_machine=True, from_files=("pt2",))


def export(job: Job) -> None:
    compile_package(job, exported_program(job), {})
