"""The program that goes along with an artifact: run.py, made from the template that the case's backend declares."""

import ast
import sys
from collections.abc import Mapping

from mnv2bench import backends, precisions
from mnv2bench.case import Case, Kind
from mnv2bench.records import Record, replace
from mnv2bench.refusals import Unsupported
from mnv2bench.shipping.rendering import environment
from mnv2bench.workers.environment import ALLOCATOR, ALLOCATOR_TEXT, NAME, THREAD_VARIABLES, variables_of

TIMED_S = 4.0  # about as long as `run.py --time` calls
LEAST_CALLS, MOST_CALLS = 100, 20_000
# begin the names of variables by which a file of anybody could have this user's machine run other programs
REFUSED_VARIABLES = ("LD_", "DYLD_", "PYTHON", "PATH")


def template_name(case: Case) -> str:
    """The name of the template of a case's program, or the template itself where a backend brings its own.

    Raises Unsupported, in one line that says what to ship instead, for a case that has no program.
    """
    if case.kind != Kind.MEASURED_HERE:
        raise Unsupported(
            f"{case.id} was measured on another device by a program of its own: docs/mobile.md says how that is built"
        )
    if case.streams > 1:
        instead = replace(case, streams=1).id
        raise Unsupported(
            f"{case.id} has {case.streams} streams, and the program that is shipped runs one: ship {instead}"
        )
    device = "cpu" if case.gpu is None else "cuda"
    runtime = backends.runtime(case.backend)
    name = runtime.program(device, case.precision)
    if not name:
        why = runtime.why_no_program or f"it has no program for {device}: {_others(case, device)}"
        raise Unsupported(f"{case.backend} cannot be shipped: {why}")
    return name


def _others(case: Case, device: str) -> str:
    """The backends that can be shipped with the precision of a case."""
    runtimes = {name: backends.runtime(name) for name in backends.names()}
    names = [
        name
        for name, runtime in runtimes.items()
        if case.precision in runtime.runs.get(device, ()) and runtime.program(device, case.precision)
    ]
    return f"ship {' or '.join(names)}" if names else f"no backend has one that runs {case.precision} there"


def variables(record: Record) -> dict[str, str]:
    """The variables that a process has to be given before it starts, so that it runs as those that measured.

    Those that a user set with --env are among them, but for those that make a process run other programs.
    """
    chosen = dict.fromkeys(THREAD_VARIABLES, str(record.case.threads))
    if record.machine.allocator == ALLOCATOR_TEXT:
        chosen |= ALLOCATOR
    return chosen | {
        name: value for name, value in variables_of(record.plan.environment).items() if _is_set(name, value)
    }


def left_out(record: Record) -> dict[str, str]:
    """The variables that were set while it was measured, and that no program sets."""
    of_user = variables_of(record.plan.environment)
    return {name: value for name, value in of_user.items() if not _is_set(name, value)}


def _is_set(name: str, value: str) -> bool:
    """Whether a program sets a variable of a user: it is one, and makes no process run another program."""
    return bool(NAME.fullmatch(name)) and value.isprintable() and not name.startswith(REFUSED_VARIABLES)


def program(record: Record, file: str, median_s: float) -> str:
    """The text of run.py for a case whose artifact is the file of that name. Raises Unsupported as `template_name`."""
    case = record.case
    name = template_name(case)
    template = environment().from_string(name) if "\n" in name else environment().get_template(f"{name}.py.jinja")
    settings: Mapping[str, str] = record.samples[0].settings if record.samples else {}
    calls = round(TIMED_S / median_s)
    text = template.render(
        id=case.id,
        variables=() if case.gpu is not None else _lines(variables(record)),
        file=file,
        shape=case.input_shape,
        classes=case.classes,
        threads=case.threads,
        precision=case.precision,
        dtype=precisions.named(case.precision).dtype,
        gpu=case.gpu,
        graph=settings.get("CUDA graph") == "yes",
        calls=min(max(calls, LEAST_CALLS), MOST_CALLS),
    )
    ast.parse(text)
    return text


def _lines(chosen: Mapping[str, str]) -> tuple[str, ...]:
    """The statements of Python that make the variables: those of the threads, then the others."""
    (threads,) = {chosen[name] for name in THREAD_VARIABLES}
    others = {name: value for name, value in chosen.items() if name not in THREAD_VARIABLES}
    of_threads = f"variables = dict.fromkeys({THREAD_VARIABLES!r}, {threads!r})"
    return (of_threads, f"variables |= {others!r}") if others else (of_threads,)


def imported_modules(text: str) -> tuple[str, ...]:
    """The names of the modules that a program imports and that do not come with Python."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    modules = dict.fromkeys(name.partition(".")[0] for name in names)
    return tuple(name for name in modules if name not in sys.stdlib_module_names)
