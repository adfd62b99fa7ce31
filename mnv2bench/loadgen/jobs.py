"""The job and the result of the program that runs LoadGen, each declared once."""

from msgspec import Struct

from mnv2bench.case import Case
from mnv2bench.loadgen.records import Load, Played, Rules
from mnv2bench.records import Plan, Weights
from mnv2bench.workers.programs import Program


class LoadJob(Struct, frozen=True):
    """One process of a case under LoadGen.

    `reference` has eager fp32's logits of what is checked first, `library_reference` those of the library's images.
    LoadGen's logs are written to `folder`. `search`: the rate of a server is searched, each try in a folder of its own.
    """

    case: Case
    plan: Plan
    load: Load
    artifact: str
    reference: str
    library_reference: str
    folder: str
    search: bool = False
    weights: Weights = Weights()


class LoadResult(Struct, frozen=True):
    """What one process did: its runs of LoadGen in order, and the outputs that it checked.

    `passed_qps` is the highest rate that passed a search, None where none did.
    """

    played: tuple[Played, ...]
    rules: Rules
    passed_qps: float | None = None
    error: float | None = None
    checked: int = 0
    settings: dict[str, str] = {}
    libraries: dict[str, str] = {}


LOADGEN = Program("mnv2bench.loadgen.worker", LoadJob, LoadResult)
