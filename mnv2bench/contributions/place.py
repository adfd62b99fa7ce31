"""Whether a contribution lies where it belongs under the folder of results."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mnv2bench.contributions.contribution import Check, Contribution
from mnv2bench.contributions.finding import Severity
from mnv2bench.files import printable


def _place(contribution: Contribution) -> Iterator[tuple[Severity, str]]:
    """A file that lies in a folder of results lies in that of its machine; none of that name is there already."""
    known = contribution.known
    wanted = contribution.place
    stands = _below_results(contribution.path, known.results.name or "results")
    if stands is not None and stands.parent != wanted.parent:
        yield Severity.WRONG, f"It lies in {printable(str(stands.parent))}, and belongs in {wanted.parent}."
    if contribution.path.name != wanted.name:
        name = printable(contribution.path.name)
        yield Severity.WRONG, f"Its name {name} is one that git or some system does not take: name it {wanted.name}."
    target = known.results / wanted
    if target.is_file() and target.resolve() != contribution.path.resolve():
        yield Severity.WRONG, f"A file of another content is there already as {wanted}: name it otherwise."


def _below_results(path: Path, results: str) -> PurePosixPath | None:
    """The path below the last folder of that name, None where it lies in none."""
    parts = path.absolute().parts
    if results not in parts[:-1]:
        return None
    last = len(parts) - 1 - parts[::-1].index(results)
    return PurePosixPath(*parts[last + 1 :])


CHECKS = (Check("place", "Its name and its folder are those of its machine.", _place),)
