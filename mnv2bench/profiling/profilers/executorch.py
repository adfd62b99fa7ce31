"""ExecuTorch under its ETDump: the program is loaded once more, with its event tracer on."""

from collections.abc import Sequence
from pathlib import Path

from executorch.extension.pybindings import _C

from mnv2bench.backends import require
from mnv2bench.backends.executorch import ExecuTorchSession
from mnv2bench.cases import Case
from mnv2bench.profiling.profilers import Arena, Profiled
from mnv2bench.profiling.readers import etdump as _etdump
from mnv2bench.profiling.readers import xnnpack as _xnnpack
from mnv2bench.profiling.records import Operator
from mnv2bench.refusals import Unsupported

SETTLING = 3  # calls: the first ones touch the memory of the program that was just loaded


class ExecuTorchProfiled(Profiled):
    profiler = "ExecuTorch's ETDump"
    notes = (_xnnpack.CLOCK,)
    session: ExecuTorchSession
    calls = 0

    def __init__(self, session: ExecuTorchSession, path: Path, folder: Path) -> None:
        super().__init__(session)
        self.path, self.folder = path, folder

    def start(self) -> None:
        """A tracer keeps all calls from the loading on: the calls before would make its dump many times as long."""
        check = _C.Verification.InternalConsistency
        # A debug buffer of any size has the tracer copy every tensor, and abort when it is full.
        self.session.program = _C._load_program(
            str(self.path), enable_etdump=True, debug_buffer_size=0, program_verification=check
        )
        self.session.method = self.session.program.load_method("forward")
        self.session.method.set_inputs([self.session.input])
        for _ in range(SETTLING):
            self.run()

    def ran(self) -> None:
        self.calls += 1

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        if trace:
            raise Unsupported("ExecuTorch's profiler writes no trace: leave --trace out")
        dump = self.folder / "profile.etdp"
        self.session.program.write_etdump_result_to_file(str(dump), str(self.folder / "debug.bin"))
        told = _etdump.calls(dump, self.folder)
        if len(told) != SETTLING + self.calls:
            raise ValueError(f"the profile tells of {len(told)} calls, and {SETTLING + self.calls} were made")
        return _xnnpack.operators(told[SETTLING:])

    def arena(self) -> Arena:
        words = "ExecuTorch's memory plan, which leaves out the workspace of the XNNPACK delegate"
        return Arena(_etdump.planned_bytes(self.path, self.folder), words)


def open(case: Case, path: Path, folder: Path) -> Profiled:
    require(case)
    return ExecuTorchProfiled(ExecuTorchSession(case, path), path, folder)
