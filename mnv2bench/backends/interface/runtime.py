"""What a backend declares of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mnv2bench import precisions

HERE = ("cpu", "cuda")  # devices of this machine
DEVICES = (*HERE, "arm64")
OPENS = ("fast", "compiling", "slow")
QUICK_GRIDS = ("quick", "brief")


@dataclass(frozen=True)
class Runtime:
    """What a backend is, in one constant of its module: `RUNTIME = Runtime(reads="onnx", runs={"cpu": ("fp32",)})`.

    It is read from the module's source, so that no runtime is imported: write every value as a literal, by keyword.

    `reads` is the artifact format that it opens, `reads_other` those of precisions that have another one, as
    {"int8": "onnx_int8"}, and `runs` its precisions by device: cpu, cuda, arm64, which is any remote device.
    `any_processor` are the precisions that it computes on a CPU without the precision's own instructions as well.
    `reads_fp32` are precisions of which it opens fp32's file and rounds the weights itself.
    `reads_files` are the formats that it opens of users' files, by their kind, where these are others.
    `refuses` gives, by device and precision, the reason for a combination that it does not run, where the reason is not
    plain.
    `needs_cuda` is the CUDA version that a driver must serve, as `cuDriverGetVersion` counts: 13000 is 13.0.

    `extra` is the optional dependency of mnv2bench that installs it, and `distributions` are the names that it may
    have on PyPI: versions of those that are installed are written into every record.

    `opens` is "fast" where opening loads a file; "compiling" where the first opening compiles and a cache shortens the
    later ones; "slow" where every process compiles for ten seconds or more.

    `quick_grid` is the grid whose variants are measured of it where the quick grid is: "brief" where a file of a
    variant is made or compiled for ten seconds or more. `quick_throughput`: the quick grid also measures its
    throughput. `quick_precisions` are those that it measures besides fp32.

    `profiler` names a module of `mnv2bench.profiling.profilers`, or, with a dot, a module anywhere; where there is
    none, `why_no_profiler` is the reason. `profiled_reads` is the format that is opened to be profiled, where that is
    another one, and `profiled_reads_other` those of precisions that have yet another. `why_no_trace` is the reason why
    its profiler writes no Chrome trace, where it writes none.

    `programs` names, by device, the program that `mnv2bench ship` writes for its cases: a template in
    mnv2bench/shipping/templates, or the text of a template itself, of several lines. A precision that has another one
    stands behind the device, as in {"cpu": "litert", "cpu fp16": "litert_compiled"}. Where there is none,
    `why_no_program` is the reason.

    `why_no_streams` is the reason why it is not measured with several streams in one process, where it is not.

    `mobile`: it is what runs on other devices where no backend is named. `counted`: it runs on one thread alone, so
    that its instructions can be counted. `wheels` are the distributions, besides numpy, that its module needs on a
    board; without any, it needs a runner of its own there.
    """

    reads: str
    runs: Mapping[str, tuple[str, ...]]
    reads_other: Mapping[str, str] = field(default_factory=dict)
    any_processor: tuple[str, ...] = ()
    reads_fp32: tuple[str, ...] = ()
    reads_files: Mapping[str, str] = field(default_factory=dict)
    refuses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    needs_cuda: int = 0
    extra: str = ""
    distributions: tuple[str, ...] = ()
    opens: str = "fast"
    quick_grid: str = "quick"
    quick_throughput: bool = False
    quick_precisions: tuple[str, ...] = ()
    profiler: str = ""
    why_no_profiler: str = ""
    profiled_reads: str = ""
    profiled_reads_other: Mapping[str, str] = field(default_factory=dict)
    why_no_trace: str = ""
    programs: Mapping[str, str] = field(default_factory=dict)
    why_no_program: str = ""
    why_no_streams: str = ""
    mobile: bool = False
    counted: bool = False
    wheels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.reads:
            raise ValueError("reads must name the artifact format that the backend opens")
        if not self.runs or not self.runs.keys() <= {*DEVICES}:
            raise ValueError(f"runs must give precisions by device, of {', '.join(DEVICES)}")
        for names in self.runs.values():
            for name in names:
                precisions.named(name)
        for name in (*self.reads_other, *self.profiled_reads_other, *self.reads_fp32):
            precisions.named(name)
        for name in self.programs:
            device, _, precision = name.partition(" ")
            if device not in HERE or (precision and precision not in precisions.NAMES):
                raise ValueError(f"programs are by device, of {', '.join(HERE)}, not by {name!r}")
        if self.opens not in OPENS:
            raise ValueError(f"opens {self.opens!r} is not one of {', '.join(OPENS)}")
        if self.quick_grid not in QUICK_GRIDS:
            raise ValueError(f"quick_grid {self.quick_grid!r} is not one of {', '.join(QUICK_GRIDS)}")

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Its precisions on remote devices."""
        return self.runs.get("arm64", (precisions.FP32.name,))

    def format(self, precision: str, file_kind: str = "") -> str:
        """The artifact format that it opens for a case of this precision, whose network may be a user's file."""
        return self.reads_files.get(file_kind) or self.reads_other.get(precision, self.reads)

    def profiled_format(self, precision: str) -> str:
        """The artifact format that is opened to be profiled in this precision, "" where it is the ordinary one."""
        return self.profiled_reads_other.get(precision, self.profiled_reads)

    def program(self, device: str, precision: str) -> str:
        """The program that is shipped with a case of this device and precision, "" where there is none."""
        return self.programs.get(f"{device} {precision}") or self.programs.get(device, "")
