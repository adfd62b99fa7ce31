"""Options that several verbs share, each declared once."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any

import typer

from mnv2bench.cases import Case
from mnv2bench.cli.app import console
from mnv2bench.selection import FLAGS, OPTIONS, Selection, select, suite_cases

INTERRUPTED = 130

CaseIds = Annotated[list[str] | None, typer.Argument(help="Case ids; without them, the options choose.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the interrupted campaign in --out.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def takes_selection(
    defaults: Mapping[str, str] | None = None, refuses: Mapping[str, str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb all options of `selection` in place of its parameter `selection`, which gets what they choose.

    `defaults` holds the verb's own where they differ. `refuses` holds options that mean nothing to the verb, with the
    reason: a value for one of them ends in a ValueError that says it.
    """
    options = {name: default for name, (default, _) in OPTIONS.items()} | dict(defaults or {})

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        @wraps(verb)
        def command(**values: Any) -> None:
            words = {name: values.pop(_python_name(name)) for name in options}
            words |= {name: "yes" if values.pop(_python_name(name)) else "" for name in FLAGS}
            for name, reason in (refuses or {}).items():
                if words[name] not in ("", OPTIONS[name][0]):
                    raise ValueError(f"--{name} means nothing here: {reason}")
            verb(selection=select(words), **values)

        parameters: list[Parameter] = []
        for parameter in inspect.signature(verb).parameters.values():
            if parameter.name == "selection":
                parameters += _parameters(options)
            else:
                parameters.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
        # typer reads a verb's options from its signature
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _python_name(option: str) -> str:
    return option.replace("-", "_")


def _parameters(defaults: Mapping[str, str]) -> list[Parameter]:
    """One for each option of `selection`."""
    texts = [
        _parameter(name, Annotated[str, typer.Option(f"--{name}", help=OPTIONS[name][1])], default)
        for name, default in defaults.items()
    ]
    flags = [
        _parameter(name, Annotated[bool, typer.Option(f"--{name}", help=text)], False) for name, text in FLAGS.items()
    ]
    return texts + flags


def _parameter(option: str, annotation: Any, default: object) -> Parameter:
    return Parameter(_python_name(option), Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def chosen_cases(ids: Sequence[str] | None, selection: Selection) -> tuple[Case, ...]:
    """The cases of these ids, each once; without ids those that the options choose. ValueError for what is no id."""
    named = tuple(dict.fromkeys(map(Case.parse, ids or ())))
    suite = "throughput" if any(batch != 1 for batch in selection.batches) else "latency"
    return named or suite_cases(suite, selection)


@contextmanager
def resumable(where: str) -> Iterator[None]:
    """End the verb with exit code 130 where it is interrupted, and say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        console().print(f"interrupted: the same command with --resume goes on from {where}", markup=False)
        raise typer.Exit(INTERRUPTED) from None
