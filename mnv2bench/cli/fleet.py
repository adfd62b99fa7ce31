"""The verb `fleet`: measure a selection of cases on several machines."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.campaign import Patience
from mnv2bench.campaign.weights import require_weights
from mnv2bench.case import Case
from mnv2bench.cli.app import console, show, verb
from mnv2bench.cli.options import (
    ALL_SUITES,
    Resume,
    Suites,
    cases_of_suites,
    resumable,
    takes_patience,
    takes_selection,
)
from mnv2bench.conclusion import Requested, conclusion
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import printable
from mnv2bench.locks import writing
from mnv2bench.networks import is_file
from mnv2bench.run_end import unmeasured_lines
from mnv2bench.selection import BUDGET, DRY_RUN, NO_ACCURACY, SWEEP, Selection
from mnv2bench.terminal import FleetDisplay
from mnv2bench.texts import counted, duration_s, duration_text

if TYPE_CHECKING:
    from distributed import Client

    from mnv2bench.fleet.client import FleetEnd
    from mnv2bench.fleet.kept import FleetCampaign
    from mnv2bench.fleet.unit import Inventory

NO_BUDGET = "machines do not share one; choose fewer cases, or give each machine its own run with --budget"
NO_MODEL = "--model is not for a fleet, whose machines have not your file: measure it with mnv2bench run on each"


@verb("fleet")
@takes_patience
@takes_selection(more=BUDGET | SWEEP, refuses={"budget": NO_BUDGET})
def fleet(
    selection: Selection,
    scheduler: Annotated[str, typer.Option(help="Where mnv2bench fleet-serve listens, as tls://HOST:PORT.")] = "",
    ssh: Annotated[
        Path | None,
        typer.Option(help="Instead of --scheduler: a file with a host in each line, to be started over ssh."),
    ] = None,
    listen: Annotated[
        str, typer.Option(help="With --ssh: ADDRESS[:PORT] of this machine. Default: the one that reaches the hosts.")
    ] = "",
    key: Annotated[Path | None, typer.Option(help="The fleet's key file. Default: that of this user.")] = None,
    suites: Suites = ALL_SUITES,
    out: Annotated[
        Path, typer.Option(help="Names the journals: one for each machine, as mnv2bench.MACHINE.jsonl.")
    ] = Path("mnv2bench.jsonl"),
    resume: Resume = False,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Measure also where the machines have unlike software.")
    ] = False,
    each_machine: Annotated[
        bool, typer.Option("--each-machine", help="Every machine measures every case, also where some are alike.")
    ] = False,
    give_up: Annotated[
        str, typer.Option(help="When a machine was gone for so long, as 2m, its cases begin anew on one like it.")
    ] = "2m",
    no_accuracy: Annotated[bool, typer.Option("--no-accuracy", help=NO_ACCURACY)] = False,
    *,
    patience: Patience,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress; print only what failed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=DRY_RUN)] = False,
) -> None:
    """Measure a selection of cases on all machines that have joined a fleet, each with a journal of its own."""
    from mnv2bench.fleet import kept

    _require_one_way(scheduler, key, ssh, listen)
    cases = cases_of_suites(suites, selection)
    if any(is_file(case.network) for case in cases):
        raise ValueError(NO_MODEL)
    weights, gone_s = require_weights(cases, selection.weights), duration_s("--give-up", give_up)
    requested = kept.new_campaign(
        cases, selection.plan, selection.seed, weights, selection.runner, not no_accuracy, each_machine
    )
    with (
        resumable(str(out)),
        FleetDisplay(quiet=quiet) as display,
        writing(kept.kept_path(out), wait=False, progress=lambda doing, done, total: display.line(doing)),
        _client(scheduler, key, ssh, listen, display) as client,
    ):
        inventories = _inventories(client, requested, cases, mixed, patience)
        before = kept.read(out) if resume else None
        campaign = _with_shares(requested, before, cases, inventories)
        if not quiet or dry_run:
            _show_placement(campaign, inventories)
        if dry_run:
            console().print("dry run: nothing was measured", markup=False)
            return
        if before is None:
            _begin(campaign, out, resume, display)
        end = _measured(client, campaign, inventories, out, display, patience, gone_s)
    _print_end(end, selection, quiet)


def _require_one_way(scheduler: str, key: Path | None, ssh: Path | None, listen: str) -> None:
    """ValueError unless the options name one way to the machines."""
    if bool(scheduler) == bool(ssh):
        raise ValueError(
            "name the machines: --scheduler, where mnv2bench fleet-serve listens, or --ssh, hosts in a file"
        )
    if ssh and key:
        raise ValueError("--key is of --scheduler: with --ssh each run makes its own key")
    if scheduler and listen:
        raise ValueError("--listen is of --ssh: with --scheduler it is fleet-serve that listens")


@contextmanager
def _client(
    scheduler: str, key: Path | None, ssh: Path | None, listen: str, display: FleetDisplay
) -> "Iterator[Client]":
    """A client of the scheduler that is named, or of one of its own with the hosts of a file."""
    from mnv2bench.fleet import connection
    from mnv2bench.fleet import key as keys

    keys.require_fleet()
    if not ssh:
        place = connection.address("--scheduler", scheduler)
        with connection.connected(place, keys.read(key or keys.default_path())) as client:
            yield client
        return
    from mnv2bench.fleet import hosts
    from mnv2bench.fleet.ssh import started

    with (
        started(hosts.read(ssh), listen, display.line) as (place, new_key),
        connection.connected(place, new_key) as client,
    ):
        yield client


def _inventories(
    client: "Client", campaign: "FleetCampaign", cases: Sequence[Case], mixed: bool, patience: Patience
) -> dict[str, "Inventory"]:
    """What each machine is and can, by its name; what is unlike in them is printed.

    ValueError, in one line, where they cannot measure together.
    """
    from mnv2bench.fleet.agreement import clock_remarks, differences
    from mnv2bench.fleet.client import inventories

    asked_s = time.time()
    answers = inventories(client, cases, campaign.plan, campaign.weights, wait=patience.campaigns)
    for remark in clock_remarks(answers, asked_s, time.time()):
        console().print(remark, markup=False)
    machines = [answer.name for answer in answers]
    if unlike := differences(answers):
        rows = [(row.name, *(row.values[machine] for machine in machines)) for row in unlike]
        show(("software", *machines), rows, title="What is unlike in the software of the machines")
        if not mixed:
            raise ValueError(
                "the machines have unlike software: install the same on all, or measure nevertheless with --mixed"
            )
    return {answer.name: answer for answer in answers}


def _with_shares(
    requested: "FleetCampaign",
    before: "FleetCampaign | None",
    cases: Sequence[Case],
    inventories: Mapping[str, "Inventory"],
) -> "FleetCampaign":
    """The campaign with the share of each machine: a new one's from the inventories, else as it was before."""
    from mnv2bench.fleet import kept
    from mnv2bench.fleet.placement import shares

    if before is None:
        return requested.with_shares(shares(list(inventories.values()), cases, requested.each_machine))
    kept.require_same(before, requested)
    for name in inventories.keys() - before.shares.keys():
        console().print(f"{name} has joined since: it measures nothing of the campaign that goes on", markup=False)
    return before


def _show_placement(campaign: "FleetCampaign", inventories: Mapping[str, "Inventory"]) -> None:
    """Print a line for each machine: how many cases it measures, and how long that takes."""
    from mnv2bench.fleet.placement import seconds

    rows = []
    for name, share in campaign.shares.items():
        inventory = inventories.get(name)
        able = [case for case in share.due if inventory and case.id not in inventory.refusals]
        time_text = duration_text(seconds(inventory, able)) if inventory else "has not joined"
        fingerprint = inventory.machine.fingerprint if inventory else ""
        refused = str(len(share.due) - len(able)) if inventory else ""
        processes = str(len(able) * campaign.plan.processes)
        rows.append((name, str(len(share.due)), processes, time_text, refused, fingerprint))
    columns = ("machine", "cases", "processes", "time", "cannot run", "fingerprint")
    show(columns, rows, caption="The time is that of all processes, without exports and accuracies.")


def _begin(campaign: "FleetCampaign", out: Path, resume: bool, display: FleetDisplay) -> None:
    """Write the file of a new campaign, beside the journals that are to come."""
    from mnv2bench.fleet import kept

    path = kept.kept_path(out)
    if resume:
        display.line(f"nothing to resume in {printable(path)}: a new campaign begins")
    if aside := kept.begin(out, campaign):
        display.line(f"what stood in {printable(path)} is kept as {printable(aside)}")


def _measured(
    client: "Client",
    campaign: "FleetCampaign",
    inventories: Mapping[str, "Inventory"],
    out: Path,
    display: FleetDisplay,
    patience: Patience,
    gone_s: float,
) -> "FleetEnd":
    """Measure the campaign. ValueError, in one line, where it cannot go on."""
    from mnv2bench.fleet.client import FleetRun

    try:
        return FleetRun(client, campaign, inventories, out, display, patience.idle_s, gone_s).run()
    except FileExistsError:
        raise
    except OSError as error:
        raise ValueError(f"{error}; what the machines measured is safe there, and --resume goes on") from error


def _print_end(end: "FleetEnd", selection: Selection, quiet: bool) -> None:
    """Print what each machine measured and what is missing, and end the verb."""
    from mnv2bench.records.reading import load

    by_machine = {
        name: [record for record in load(path) if record.case.id not in end.shares[name].moved]
        for name, path in end.journals.items()
    }
    for name, records in by_machine.items():
        lines = unmeasured_lines(records)
        if not quiet:
            good = sum(record.status == "ok" for record in records)
            processes = counted(sum(len(record.processes) for record in records), "process", "processes")
            lines.insert(0, f"{good} of {counted(len(records), 'case')}, {processes}: {printable(end.journals[name])}")
        for line in lines:
            console().print(f"{name}: {line}", markup=False)
    for sentence in end.missing:
        console().print(sentence, markup=False)
    if not quiet and end.journals:
        files = " ".join(printable(path) for path in end.journals.values())
        console().print(f"report: mnv2bench report {files}", markup=False)
    every = [record for records in by_machine.values() for record in records]
    ended = conclusion(every, Requested.of(selection))
    for sentence in ended.missed:
        console().print(sentence, markup=False)
    raise typer.Exit(ExitCode.BAD if end.missing else ended.code)
