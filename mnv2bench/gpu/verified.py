"""The GPUs on which the project checked its backends: add a backend after a check passed on a real GPU."""

from mnv2bench.records import Record

# Backend: the GPU's name and the day on which `mnv2bench selfcheck --device cuda` or `.ci/gpu-check` passed there,
# for example "tensorrt": "NVIDIA L4, 2027-01-31"
VERIFIED: dict[str, str] = dict.fromkeys(
    ("torch_eager", "torch_script", "torch_compile", "torch_compile_cudagraphs"), "NVIDIA H200, 2026-11-26"
)
UNVERIFIED = "unverified on hardware"


def verified_on(record: Record) -> str | None:
    """The GPU on which the project checked the record's backend, or UNVERIFIED; None for a case of another device."""
    return None if record.case.gpu is None else VERIFIED.get(record.case.backend, UNVERIFIED)
