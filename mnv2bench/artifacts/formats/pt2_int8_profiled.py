"""An AOTInductor package in int8 with the same kernels, each of which tells torch.profiler when it begins and ends."""

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, compile_package
from mnv2bench.backends.shared.torch_session import quantised_program

FORMAT = Format(suffix=".int8.profiled.pt2", made_from="pt2e", per_machine=True, quantises_files=("pt2",))


def export(job: Job) -> None:
    compile_package(job, quantised_program(job.source), {"cpp.enable_kernel_profile": True})
