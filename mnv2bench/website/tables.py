"""The tables of the site's pages: their numbers are links to files, and nothing ranks one machine against another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.report.cells import NONE, one_decimal, plain, scaled
from mnv2bench.report.web.table import MOST_ROWS, Cell, Heading, Table
from mnv2bench.website.addresses import CASES, MACHINES, RUNTIMES, page_address
from mnv2bench.website.chart import number, number_text
from mnv2bench.website.commands import measuring_command, printing_command
from mnv2bench.website.rows import Place, SiteFile

MOST_MACHINES = 5  # side by side in a table
MOST_FILES = 150  # of a case in the table of its page, the newest: its CSV has all
FIRST_ROWS = 25  # that a browser without scripts shows
COMMIT = 10  # characters
NO_DATE = "no date"


@dataclass(frozen=True)
class _Column:
    """A column: its heading, and its cell of a place on a page from which `up` leads to the site's root."""

    heading: Heading
    cell: Callable[[Place, str], Cell]


def _text(value: object) -> Cell:
    shown = NONE if value in (None, "") else plain(str(value))
    return Cell(shown, shown if isinstance(value, str) or value is None else value)  # type: ignore[arg-type]


def _case(place: Place, up: str) -> Cell:
    id = place.row.case
    return Cell(plain(id), id, address=up + page_address(CASES, id))


def _machine(place: Place, up: str) -> Cell:
    name = place.file.machine
    return Cell(plain(name), name, address=up + page_address(MACHINES, name))


def _runtime(place: Place, up: str) -> Cell:
    name = place.row.backend
    return Cell(plain(name), name, address=up + page_address(RUNTIMES, name))


def _date(place: Place, up: str) -> Cell:
    when = place.file.summary.saved_at
    return Cell(f"{when:%Y-%m-%d %H:%M}", when.timestamp()) if when else Cell(NO_DATE)


def _ms(place: Place, up: str) -> Cell:
    if place.row.latency_ms is None or not place.row.is_ok:
        return Cell(NONE)
    return Cell(number_text(place.row), place.row.latency_ms, address=_file_address(place, up))


def _number(name: str, text: Callable[[float | None], str]) -> Callable[[Place, str], Cell]:
    """The cell of a field of a row that is ok, which is a link to its file."""

    def cell(place: Place, up: str) -> Cell:
        value = getattr(place.row, name) if place.row.is_ok else None
        return Cell(NONE) if value is None else Cell(text(value), value, address=_file_address(place, up))

    return cell


def _status(place: Place, up: str) -> Cell:
    """`ok`, or `ok: noisy` with what that means folded in it."""
    row = place.row
    text = plain(": ".join(filter(None, (row.status, ", ".join(row.flag_names)))))
    return Cell(text, text, plain("; ".join(filter(None, (row.reason, row.flags)))))


def _gate(place: Place, up: str) -> Cell:
    return _text(place.verdict)


def _epoch(place: Place, up: str) -> Cell:
    return _text("; ".join(place.epochs))


def _file(place: Place, up: str) -> Cell:
    """The file's name, with the commands folded in it."""
    file = place.file.address.rpartition("/")[2] or place.file.name
    commands = f"Prints it: {printing_command(place.row, file)} Measures it again: "
    return Cell(
        plain(place.file.name),
        place.file.name,
        plain(commands + measuring_command(place.row, place.file.summary)),
        _file_address(place, up),
    )


def _file_address(place: Place, up: str) -> str:
    return up + place.file.address if place.file.address else ""


def _commit(place: Place, up: str) -> Cell:
    return _text((place.file.summary.machine.commit or "")[:COMMIT])


def _whole(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


NUMBERS = (
    _Column(Heading("ms (95 %)", is_number=True), _ms),
    _Column(Heading("p99 ms", is_number=True), _number("p99_ms", scaled)),
    _Column(Heading("images/s", is_number=True), _number("throughput_images_per_s", scaled)),
    _Column(Heading("instructions", is_number=True), _number("instructions", _whole)),
    _Column(Heading("ms of another tool", is_number=True), _number("told_ms", scaled)),
    _Column(Heading("peak MB", is_number=True), _number("peak_rss_mb", one_decimal)),
)
OF_CASES = (
    _Column(Heading("case"), _case),
    _Column(Heading("runtime", is_filter=True), _runtime),
    _Column(Heading("precision", is_filter=True), lambda place, up: _text(place.row.precision)),
    _Column(Heading("device", is_filter=True), lambda place, up: _text(place.row.device)),
    _Column(Heading("threads", is_filter=True), lambda place, up: Cell(str(place.row.threads), place.row.threads)),
    *NUMBERS,
    _Column(Heading("top-1 % published", is_number=True), _number("published_top1", one_decimal)),
    _Column(Heading("kept of fp32 %", is_number=True), _number("tested_agreement", one_decimal)),
    _Column(Heading("status"), _status),
    _Column(Heading("measured, UTC"), _date),
    _Column(Heading("file"), _file),
)
OVER_TIME = (
    _Column(Heading("measured, UTC"), _date),
    _Column(Heading("machine", is_filter=True, is_group=True), _machine),
    *NUMBERS,
    _Column(Heading("status"), _status),
    _Column(Heading("gate", is_filter=True), _gate),
    _Column(Heading("accepted"), _epoch),
    _Column(Heading("runtime"), lambda place, up: _text(place.row.runtime_version)),
    _Column(Heading("commit"), _commit),
    _Column(Heading("file"), _file),
)
OF_FILES = (
    Heading("file"),
    Heading("measured, UTC"),
    Heading("machine", is_filter=True),
    Heading("cases", is_number=True),
    Heading("commit"),
    Heading("meanwhile"),
)


def cases_table(name: str, places: Sequence[Place], up: str) -> Table:
    """A row for each case."""
    return _table(name, OF_CASES, places, up)


def times_table(name: str, places: Sequence[Place], up: str) -> Table:
    """A row for each of the newest files of a case, the newest first."""
    return _table(name, OVER_TIME, list(reversed(places)), up, MOST_FILES)


def _table(name: str, columns: Sequence[_Column], places: Sequence[Place], up: str, most: int = MOST_ROWS) -> Table:
    """The table of the first places, without the columns that are empty in every row."""
    rows = [[column.cell(place, up) for column in columns] for place in places[:most]]
    filled = [place for place in range(len(columns)) if any(row[place].text != NONE for row in rows)]
    return Table(
        name=name,
        caption="",
        headings=tuple(columns[place].heading for place in filled),
        rows=[[row[place] for place in filled] for row in rows],
        total=len(places),
        first_rows=FIRST_ROWS,
    )


def machines_tables(places_of: Mapping[str, Mapping[str, Place]], up: str) -> list[Table]:
    """The cases of a runtime down, and machines across: at most five in each table.

    `places_of` has the newest place of each case by machine.
    """
    names = sorted(places_of)
    return [
        _side_by_side(names[begin : begin + MOST_MACHINES], places_of, up, begin // MOST_MACHINES + 1)
        for begin in range(0, len(names), MOST_MACHINES)
    ]


def _side_by_side(
    names: Sequence[str], places_of: Mapping[str, Mapping[str, Place]], up: str, table_number: int
) -> Table:
    cases = sorted({case for name in names for case in places_of[name]})
    rows = []
    for case in cases[:MOST_ROWS]:
        cells = [Cell(plain(case), case, address=up + page_address(CASES, case))]
        cells += [_newest_number(places_of[name].get(case), up) for name in names]
        rows.append(cells)
    headings = (Heading("case"), *(Heading(plain(name), is_number=True) for name in names))
    return Table(f"machines-{table_number}", "", headings, rows, len(cases))


def _newest_number(place: Place | None, up: str) -> Cell:
    """The number of a case on a machine; how it ended, where it has none; a dash where it was not measured there."""
    if place is None:
        return Cell(NONE)
    value = number(place.row)
    if value is None:
        return Cell(plain(place.row.status), more=plain(place.row.reason or ""))
    return Cell(number_text(place.row), value, place.row.flags or "", _file_address(place, up))


def _name_of(file: SiteFile, up: str) -> Cell:
    """The name of a file as a link to it, with the command that makes its report folded in it."""
    if not file.address:
        return Cell(plain(file.name), file.name)
    command = f"mnv2bench report {file.address.rpartition('/')[2]}"
    return Cell(plain(file.name), file.name, command, up + file.address)


def files_table(files: Sequence[SiteFile], up: str) -> Table:
    """A row for each file, the newest first."""
    rows = []
    for file in sorted(files, key=lambda file: file.order, reverse=True)[:MOST_ROWS]:
        summary, machine = file.summary, file.machine
        when = summary.saved_at
        rows.append(
            [
                _name_of(file, up),
                Cell(f"{when:%Y-%m-%d %H:%M}", when.timestamp()) if when else Cell(NO_DATE),
                Cell(plain(machine), machine, address=up + page_address(MACHINES, machine)),
                Cell(str(len(summary.rows)), len(summary.rows)),
                _text((summary.machine.commit or "")[:COMMIT]),
                _text("; ".join(summary.conditions)),
            ]
        )
    return Table("files", "", OF_FILES, rows, len(files))
