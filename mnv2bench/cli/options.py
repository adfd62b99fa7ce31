"""Options that several verbs share, each declared once, and what verbs do with them."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from mnv2bench.campaign.patience import PATIENCE_FLAGS, patience
from mnv2bench.campaign.weights import fitted_cases
from mnv2bench.case import Case
from mnv2bench.cli.app import console
from mnv2bench.exit_codes import ExitCode
from mnv2bench.selection import (
    FLAGS,
    OPTIONS,
    REPEATED,
    SUITES,
    Selection,
    named_case,
    option_text,
    select,
    selected_cases,
    suite_cases,
)

CaseIds = Annotated[
    list[str] | None, typer.Argument(help="Case ids, or parts that one id alone has. Without them, the options choose.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the interrupted campaign in --out.")]
Floors = Annotated[Path, typer.Option("--results", help="The folder with the machines' A/A floors.")]
Suites = Annotated[str, typer.Option(help=f"Suites to run, separated by commas: {', '.join(SUITES)}.")]
ALL_SUITES = ",".join(SUITES)
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Wait = Annotated[bool, typer.Option("--wait", help=PATIENCE_FLAGS["wait"])]


def takes_selection(
    defaults: Mapping[str, str] | None = None,
    refuses: Mapping[str, str] | None = None,
    more: Mapping[str, tuple[str, str]] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: all options of `mnv2bench.selection` in place of the verb's parameter `selection`.

    The verb gets the Selection that the options choose. `defaults` holds the defaults of this verb that differ from the
    usual ones. `refuses` holds the options that this verb cannot take, each with the reason: using one raises
    ValueError with the reason. `more` are options of this verb that `select` knows too: name: (default, help).
    """
    declared = OPTIONS | dict(more or {})
    options = {name: default for name, (default, _) in declared.items()} | dict(defaults or {})

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        @wraps(verb)
        def command(**values: Any) -> None:
            option_texts = {name: values.pop(_python_name(name)) for name in options}
            texts = {
                name: text or "" if name in (refuses or {}) else option_text(name, text)
                for name, text in option_texts.items()
            }
            texts |= {name: "yes" if values.pop(_python_name(name)) else "" for name in FLAGS}
            for name, reason in (refuses or {}).items():
                if texts[name] not in ("", declared[name][0]):
                    raise ValueError(f"--{name} means nothing here: {reason}")
            verb(selection=select(texts, values.pop("env") or (), values.pop("model") or ()), **values)

        _set_parameters(command, verb, "selection", _parameters(options, declared, refuses or {}))
        return command

    return decorate


def takes_patience(verb: Callable[..., None]) -> Callable[..., None]:
    """Decorator: the options --wait and --no-wait in place of the verb's parameter `patience`."""

    @wraps(verb)
    def command(**values: Any) -> None:
        flags = {name: values.pop(_python_name(name)) for name in PATIENCE_FLAGS}
        verb(patience=patience(flags), **values)

    _set_parameters(command, verb, "patience", _flags(PATIENCE_FLAGS))
    return command


def _set_parameters(
    command: Callable[..., None], verb: Callable[..., None], replaced: str, options: Sequence[Parameter]
) -> None:
    """Give a function the parameters of a verb, from which typer reads its options, with `options` for one of them."""
    parameters: list[Parameter] = []
    for parameter in inspect.signature(verb).parameters.values():
        if parameter.name == replaced:
            parameters += options
        else:
            parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _python_name(option: str) -> str:
    return option.replace("-", "_")


def _parameters(
    defaults: Mapping[str, str], declared: Mapping[str, tuple[str, str]], refuses: Mapping[str, str]
) -> list[Parameter]:
    """The parameters that typer reads: one for each option of `mnv2bench.selection`."""
    texts = [
        _parameter(
            name,
            Annotated[str | None, typer.Option(f"--{name}", help=_help(name, default, declared, refuses))],
            default or None,
        )
        for name, default in defaults.items()
    ]
    repeated = [
        _parameter(name, Annotated[list[str] | None, typer.Option(f"--{name}", help=text)], None)
        for name, text in REPEATED.items()
    ]
    return texts + _flags(FLAGS) + repeated


def _flags(helps: Mapping[str, str]) -> list[Parameter]:
    """The parameters of options that are set or not, by their help texts."""
    return [
        _parameter(name, Annotated[bool, typer.Option(f"--{name}", help=text)], False) for name, text in helps.items()
    ]


def _help(name: str, default: str, declared: Mapping[str, tuple[str, str]], refuses: Mapping[str, str]) -> str:
    """The help text of an option: why the verb refuses it, or what it means.

    The usual default is left out where the verb has its own, which typer prints.
    """
    if name in refuses:
        return f"Refused here: {refuses[name]}."
    usual_default, text = declared[name]
    return text if default == usual_default else text.partition(" Default: ")[0]


def _parameter(option: str, annotation: Any, default: object) -> Parameter:
    return Parameter(_python_name(option), Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def chosen_cases(ids: Sequence[str] | None, selection: Selection) -> tuple[Case, ...]:
    """The cases of these ids or parts of ids, each once; without any, the cases that the options choose.

    Raises ValueError for a text that is no case id and no part of one, and for a part of several.
    """
    by_id = tuple(dict.fromkeys(named_case(text, selection) for text in ids or ()))
    return fitted_cases(by_id, selection.weights) if by_id else selected_cases(selection)


def cases_of_suites(suites: str, selection: Selection) -> tuple[Case, ...]:
    """The cases of these suites, each once. Raises ValueError for an unknown suite, and where no case is left."""
    names = [name.strip() for name in suites.split(",")]
    if unknown := [name for name in names if name not in SUITES]:
        raise ValueError(f"suite {unknown[0]!r} is not one of {', '.join(SUITES)}")
    cases = tuple(dict.fromkeys(case for name in names for case in suite_cases(name, selection)))
    if selection.sweep and "throughput" not in names:
        raise ValueError("--sweep is of the suite throughput: name it with --suites, or leave --suites out")
    if not cases:
        raise ValueError("no case is left: these suites have no case with these batches and streams")
    for word, numbers in (("batch", selection.batches), ("streams", selection.streams)):
        for number in numbers:
            if not any(getattr(case, word) == number for case in cases):
                raise ValueError(
                    f"no case of {' and '.join(names)} has {word} {number}: name the other suite too, or drop it"
                )
    return cases


def newest_file(results: Path) -> Path:
    """The newest saved file; pytest-benchmark saves files as FINGERPRINT/PLATFORM/0001_NAME.json.

    Raises ValueError where there is none.
    """
    saved = saved_files(*results.glob("*"))
    if not saved:
        raise ValueError(f"no FILE given and none under {results}/: pytest suites --benchmark-save=NAME makes one")
    return saved[-1]


def saved_files(*folders: Path) -> list[Path]:
    """The saved files in these folders of machines, the oldest first."""
    saved = (path for folder in folders for path in folder.glob("*/*.json"))
    return sorted(saved, key=lambda path: path.stat().st_mtime)


@contextmanager
def resumable(where: str) -> Iterator[None]:
    """End the verb with exit code 130 after Ctrl-C, and print how to continue from the files in `where`."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(OSError):  # after SIGHUP the terminal may be gone
            console().print(f"interrupted: the same command with --resume goes on from {where}", markup=False)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
