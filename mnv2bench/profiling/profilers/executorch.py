"""Profiler of ExecuTorch: its ETDump, from a second loading of the program with its event tracer on."""

from collections.abc import Sequence
from pathlib import Path

from executorch.extension.pybindings import _C

from mnv2bench.backends import require
from mnv2bench.backends.executorch import ExecuTorchSession
from mnv2bench.case import Case
from mnv2bench.profiling.readers import etdump, xnnpack
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import Arena, ProfiledSession

SETTLING = 3  # calls: the first ones touch the memory of the program that was just loaded


class ExecuTorchProfiledSession(ProfiledSession):
    """A session whose program is loaded again, with a tracer, when profiling starts."""

    profiler = "ExecuTorch's ETDump"
    notes = (xnnpack.CLOCK,)
    session: ExecuTorchSession
    calls = 0

    def __init__(self, session: ExecuTorchSession, path: Path, folder: Path) -> None:
        super().__init__(session)
        self.path, self.folder = path, folder

    def start(self) -> None:
        """Load the program with a tracer. It keeps all calls from now on, so warm-up calls are not in its dump."""
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
        dump = self.folder / "profile.etdp"
        self.session.program.write_etdump_result_to_file(str(dump), str(self.folder / "debug.bin"))
        dumped = etdump.calls(dump, self.folder)
        if len(dumped) != SETTLING + self.calls:
            raise ValueError(f"the profile has {len(dumped)} calls, and {SETTLING + self.calls} were made")
        return xnnpack.operators(dumped[SETTLING:])

    def arena(self) -> Arena:
        words = "ExecuTorch's memory plan, which leaves out the workspace of the XNNPACK delegate"
        return Arena(etdump.planned_bytes(self.path, self.folder), words)


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    require(case)
    return ExecuTorchProfiledSession(ExecuTorchSession(case, path), path, folder)
