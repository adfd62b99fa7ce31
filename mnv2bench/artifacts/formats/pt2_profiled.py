"""An AOTInductor package with the same kernels, each of which tells torch.profiler when it begins and ends."""

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, compile_package, exported_program

FORMAT = Format(suffix=".profiled.pt2", per_machine=True, from_files=("pt2",))


def export(job: Job) -> None:
    compile_package(job, exported_program(job), {"cpp.enable_kernel_profile": True})
