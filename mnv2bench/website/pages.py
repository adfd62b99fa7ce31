"""The pages of the site, each as the text of its document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.recommendation.block import MACHINES as SIDE_BY_SIDE
from mnv2bench.recommendation.machines import machine_name
from mnv2bench.report.cells import plain
from mnv2bench.report.web.document import html
from mnv2bench.report.web.table import MOST_ROWS, Cell, Heading, Table
from mnv2bench.texts import counted
from mnv2bench.website.addresses import CASES, MACHINES, RUNTIMES, UP, page_address
from mnv2bench.website.chart import Chart, chart, number, number_text
from mnv2bench.website.commands import measuring_command, printing_command
from mnv2bench.website.rows import Place, Row, SiteFile
from mnv2bench.website.tables import NO_DATE, cases_table, files_table, machines_tables, times_table

TITLE = "Results of mnv2bench"
NAMES = (Heading("name"), Heading("what it is", is_filter=True), Heading("more"))


@dataclass(frozen=True)
class _MachineOfCase:
    """A case on a machine, as the page of the case shows it."""

    name: str
    address: str
    when: str
    newest: str
    chart: Chart | None


def index_page(
    files: Sequence[SiteFile],
    of_machines: Mapping[str, Sequence[Place]],
    of_runtimes: Mapping[str, Sequence[Place]],
    of_cases: Mapping[str, Sequence[Place]],
    unread: Sequence[str],
) -> str:
    """The first page: everything by name, the machines, the newest files, and the files that could not be used."""
    numbers = counted(len(of_machines), "machine"), counted(len(of_cases), "case"), counted(len(of_runtimes), "runtime")
    return html(
        "site_index.html",
        title=TITLE,
        sentence=f"{counted(len(files), 'file')}: {', '.join(numbers)}.",
        names=_names(of_machines, of_runtimes, of_cases),
        machines=_machines(of_machines),
        files=files_table(files, ""),
        unread=[plain(reason) for reason in unread],
    )


def machine_page(name: str, newest: Sequence[Place], files: Sequence[SiteFile], answers: str, csv: str) -> str:
    """The page of a machine: its answers as HTML, the newest number of each of its cases, and its files."""
    from markupsafe import Markup

    last = files[-1].summary.machine
    return html(
        "site_machine.html",
        title=plain(machine_name(last)),
        sentence=plain(f"{name}: {counted(len(newest), 'case')} in {counted(len(files), 'file')}."),
        answers=Markup(answers),
        cases=cases_table("cases", newest, UP),
        files=files_table(files, UP),
        csv=csv,
    )


def case_page(case: str, of_machines: Mapping[str, Sequence[Place]], csv: str) -> str:
    """The page of a case: its numbers over time on each machine. `of_machines` has its places in order."""
    places = sorted((p for own in of_machines.values() for p in own), key=lambda place: place.file.order)
    last = places[-1]
    file = last.file.address.rpartition("/")[2] or last.file.name
    return html(
        "site_case.html",
        title=plain(case),
        runtime=plain(last.row.backend),
        runtime_address=UP + page_address(RUNTIMES, last.row.backend),
        machines=[_machine_of_case(name, own) for name, own in of_machines.items()],
        measuring=plain(measuring_command(last.row, last.file.summary)),
        printing=plain(printing_command(last.row, file)),
        times=times_table("times", places, UP),
        csv=csv,
    )


def runtime_page(name: str, newest: Mapping[str, Mapping[str, Place]], csv: str) -> str:
    """The page of a runtime: its cases on all machines. `newest` has the newest place of each case by machine."""
    versions = [_versions(machine, of_cases) for machine, of_cases in sorted(newest.items())]
    return html(
        "site_runtime.html",
        title=plain(name),
        side_by_side=SIDE_BY_SIDE,
        versions=versions,
        versions_differ=len({row[1] for row in versions}) > 1,
        tables=machines_tables(newest, UP),
        csv=csv,
    )


def _machine_of_case(name: str, places: Sequence[Place]) -> _MachineOfCase:
    last = places[-1]
    return _MachineOfCase(
        name=plain(f"{machine_name(last.file.summary.machine)}, {name}"),
        address=UP + page_address(MACHINES, name),
        when=last.file.day or NO_DATE,
        newest=_newest(last.row),
        chart=chart(places, UP),
    )


def _newest(row: Row) -> str:
    """`6.13 (6.05–6.22) ms`, with the names of its flags; how the case ended, where it has no right number."""
    if number(row) is None:
        return plain(": ".join(filter(None, (row.status, row.reason))))
    unit = "ms" if row.latency_ms is not None else "instructions"
    doubts = f" ({', '.join(row.flag_names)})" if row.flags else ""
    return plain(f"{number_text(row)} {unit}{doubts}")


def _versions(machine: str, of_cases: Mapping[str, Place]) -> tuple[str, ...]:
    """A machine, the versions of the runtime there, the commit of mnv2bench, and the day of the newest file."""
    last = max(of_cases.values(), key=lambda place: place.file.order)
    versions = sorted({place.row.runtime_version for place in of_cases.values() if place.row.runtime_version})
    commit = (last.file.summary.machine.commit or "unknown")[:10]
    return plain(machine), plain("; ".join(versions)) or "unknown", plain(commit), last.file.day or NO_DATE


def _names(
    of_machines: Mapping[str, Sequence[Place]],
    of_runtimes: Mapping[str, Sequence[Place]],
    of_cases: Mapping[str, Sequence[Place]],
) -> Table:
    """Everything that has a page, by name."""
    rows = []
    for what, folder, names in (
        ("machine", MACHINES, of_machines),
        ("runtime", RUNTIMES, of_runtimes),
        ("case", CASES, of_cases),
    ):
        for name, places in names.items():
            more = plain(machine_name(places[-1].file.summary.machine)) if what == "machine" else ""
            on = sorted({place.file.machine for place in places})
            more = more or f"on {counted(len(on), 'machine')}"
            rows.append(
                [Cell(plain(name), name, address=page_address(folder, name)), Cell(what, what), Cell(more, more)]
            )
    return Table("names", "", NAMES, rows[:MOST_ROWS], len(rows))


def _machines(of_machines: Mapping[str, Sequence[Place]]) -> Table:
    """The machines and how much was measured on each."""
    headings = (
        Heading("machine"),
        Heading("processor"),
        Heading("cases", True),
        Heading("files", True),
        Heading("newest"),
    )
    rows = []
    for name, places in of_machines.items():
        processor = plain(machine_name(places[-1].file.summary.machine))
        cases, files = len({place.row.case for place in places}), len({place.file for place in places})
        rows.append(
            [
                Cell(plain(name), name, address=page_address(MACHINES, name)),
                Cell(processor, processor),
                Cell(str(cases), cases),
                Cell(str(files), files),
                Cell(places[-1].file.day or NO_DATE, places[-1].file.day),
            ]
        )
    return Table("machines", "", headings, rows, len(rows))
