"""The verb `bisect`: the first of several releases or commits that is slower or faster, by duels."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from mnv2bench.campaign import Patience
from mnv2bench.case import Case
from mnv2bench.cli.app import console, show, verb
from mnv2bench.cli.duel import ROUNDS
from mnv2bench.cli.options import CaseIds, Quiet, Resume, chosen_cases, resumable, takes_patience, takes_selection
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Product, address, require_writable, write
from mnv2bench.locks import measuring
from mnv2bench.machine import this_machine
from mnv2bench.selection import Selection
from mnv2bench.terminal import Display
from mnv2bench.texts import counted, duration_s, one_line

if TYPE_CHECKING:
    from mnv2bench.bisection.answers import CaseAnswer
    from mnv2bench.bisection.environments import Environments
    from mnv2bench.bisection.search import Direction
    from mnv2bench.bisection.subject import Request, Subject

GB, MOST_GB = 1e9, 1_000_000
SPARE = ("ms", "pairs", "date")  # columns that a narrow terminal does without


@verb("bisect")
@takes_patience
@takes_selection(
    defaults={"rounds": ROUNDS},
    refuses={
        "processes": "a bisection measures pairs of processes until it can say",
        "runner": "each release measures with the runner of its own environment",
    },
)
def bisect(
    cases: CaseIds = None,
    *,
    package: Annotated[str, typer.Option(help="A package whose releases are compared, such as openvino.")] = "",
    git: Annotated[Path | None, typer.Option(help="A checkout whose commits are compared.")] = None,
    good: Annotated[str, typer.Option(help="The release or commit that was good.")],
    bad: Annotated[str, typer.Option(help="The release or commit that is bad.")],
    selection: Selection,
    slower: Annotated[bool, typer.Option("--slower/--faster", help="Which change is looked for.")] = True,
    pre: Annotated[bool, typer.Option("--pre", help="Also pre-releases of the package.")] = False,
    patience: Patience,
    budget: Annotated[
        str, typer.Option(help="Time to install and to measure, such as 2h. What is not decided by then is undecided.")
    ] = "3h",
    keep: Annotated[float, typer.Option(help="Gigabytes that environments in the cache may take together.")] = 10.0,
    out: Annotated[Path, typer.Option(help="A folder for the journals of each pair.")] = Path("bisection"),
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to write the picture of ratio over release.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the releases and the cases, and end.")] = False,
    install_only: Annotated[
        bool, typer.Option("--install-only", help="Make the environments of all releases, and end.")
    ] = False,
    resume: Resume = False,
    quiet: Quiet = False,
) -> None:
    """Find the first release of a package, or the first commit, that is slower or faster."""
    from mnv2bench.bisection.environments import Environments, root
    from mnv2bench.bisection.pages import PAGE
    from mnv2bench.bisection.picture import PICTURE
    from mnv2bench.bisection.search import Direction
    from mnv2bench.bisection.subject import REQUEST
    from mnv2bench.regression.duels.duel import require_timed

    chosen = chosen_cases(cases, selection)
    require_timed(chosen)
    if not 0 < keep < MOST_GB:
        raise ValueError(f"--keep is a number of gigabytes above 0 and below {MOST_GB}, not {keep:g}")
    budget_s = duration_s("--budget", budget)
    page, picture = (Product(place, sort) if place else None for place, sort in ((markdown, PAGE), (svg, PICTURE)))
    require_writable([product for product in (page, picture) if product])
    direction = Direction.SLOWER if slower else Direction.FASTER
    request = _request(out if resume else None, package, git, good, bad, pre, direction, chosen)
    subject = request.subject
    _print_subject(subject, chosen, dry_run)
    if dry_run:
        return
    with (
        resumable(str(out)),
        Display(quiet=quiet, steps="pairs") as display,
        measuring(
            root() / "environments",
            *([] if install_only else [out / REQUEST]),
            wait=patience.campaigns,
            progress=display,
        ),
    ):
        environments = Environments(subject, int(keep * GB), display)
        if install_only:
            _install_all(environments)
            return
        answers = _answers(request, chosen, selection, environments, out, resume, patience, budget_s)
    _write(subject, direction, answers, page, picture)
    _print_answers(subject, direction, answers)


def _request(
    resumed: Path | None,
    package: str,
    git: Path | None,
    good: str,
    bad: str,
    pre: bool,
    direction: "Direction",
    cases: Sequence[Case],
) -> "Request":
    """What is asked, with its releases: those that an interrupted bisection read, where one is `resumed`."""
    from mnv2bench.bisection.commits import checkout_commits
    from mnv2bench.bisection.releases import package_releases
    from mnv2bench.bisection.subject import Request, Subject, kept_request, require_same

    if bool(package) == bool(git):
        raise ValueError("name one of --package NAME and --git DIR")
    if git and pre:
        raise ValueError("--pre is for releases of a package: leave it out")
    checkout = str(git.resolve()) if git else ""
    ids = tuple(case.id for case in cases)
    if resumed and (kept := kept_request(resumed)):
        wanted = {"package": package, "git": checkout, "good": good, "bad": bad, "pre": pre}
        require_same(kept, wanted | {"direction": direction, "cases": ids})
        return kept
    releases, left_out = checkout_commits(git, good, bad) if git else package_releases(package, good, bad, pre)
    return Request(good, bad, pre, direction, ids, Subject(package, checkout, releases, left_out))


def _print_subject(subject: "Subject", cases: Sequence[Case], with_cases: bool) -> None:
    """Print which releases are compared, and which are left out and why."""
    names = ", ".join(release.name for release in subject.releases)
    lines = [f"{counted(len(subject.releases), subject.noun)} of {subject.name}: {names}"]
    lines += [f"{subject.name} {name} is left out: {reason}" for name, reason in subject.left_out.items()]
    _print([*lines, *(case.id for case in cases)] if with_cases else lines)


def _print(lines: Iterable[str]) -> None:
    """Print each text on one line."""
    for line in lines:
        console().print(one_line(line), markup=False)


def _install_all(environments: "Environments") -> None:
    """Make the environment of every release, and print what each holds or why there is none."""
    from mnv2bench.bisection.installing import Uninstallable

    for number in range(len(environments.subject.releases)):
        label = environments.subject.label(number)
        try:
            installed = environments.environment(number).installed
        except Uninstallable as error:
            _print([f"{label} does not install: {error}"])
            continue
        held = ", ".join(f"{name} {version}" for name, version in sorted(installed.items()))
        _print([f"{label}: {held}"])


def _answers(
    request: "Request",
    cases: Sequence[Case],
    selection: Selection,
    environments: "Environments",
    out: Path,
    resume: bool,
    patience: Patience,
    budget_s: float,
) -> "tuple[CaseAnswer, ...]":
    """Measure until every case has its answer, or the time is spent."""
    from mnv2bench.bisection.bisection import Bisection, CaseSearch, Measuring
    from mnv2bench.bisection.search import SEARCH_LOOKS, Search
    from mnv2bench.bisection.subject import keep_request
    from mnv2bench.regression.duels.duel import required

    keep_request(request, out)
    plan = replace(selection.plan, processes=SEARCH_LOOKS[-1])
    progress = environments.progress
    weights = required(tuple(cases), plan, selection.weights, progress)
    measuring = Measuring(plan, selection.seed, weights, out, resume, patience, progress)
    count = len(request.subject.releases)
    searches = [CaseSearch(case, Search(count, request.direction)) for case in cases]
    return Bisection(request.subject, searches, environments, measuring).run(budget_s)


def _write(
    subject: "Subject",
    direction: "Direction",
    answers: "Sequence[CaseAnswer]",
    page: Product | None,
    picture: Product | None,
) -> None:
    """Write the page and the picture, or print why there is no picture."""
    from mnv2bench.bisection.pages import bisection_markdown
    from mnv2bench.bisection.picture import svg

    contents: dict[Product, str] = {}
    if picture:
        try:
            contents[picture] = svg(subject, direction, answers)
        except ValueError as error:
            _print([f"no picture is written: {error}"])
    if page:
        link = address(picture.path, page.path) if picture in contents and picture else ""
        contents[page] = bisection_markdown(subject, direction, answers, this_machine().fingerprint, link)
    write(contents)


def _print_answers(subject: "Subject", direction: "Direction", answers: "Sequence[CaseAnswer]") -> None:
    """Print the table of each case, then what differs, then the answers; end with 3 where one is undecided."""
    from mnv2bench.bisection.pages import columns, notes, table_row
    from mnv2bench.bisection.search import Outcome
    from mnv2bench.bisection.sentences import answer_sentence

    for answer in answers:
        rows = [table_row(row, answer, subject) for row in answer.rows]
        show(columns(subject), rows, title=answer.case, spare=SPARE)
    _print(notes(answers, subject))
    _print(f"{answer.case}: {answer_sentence(answer, subject, direction)}" for answer in answers)
    if any(answer.ended.outcome == Outcome.UNDECIDED for answer in answers):
        raise typer.Exit(ExitCode.NOT_JUDGED)
