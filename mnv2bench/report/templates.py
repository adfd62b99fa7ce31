"""The templates of a package, rendered by Jinja."""

from functools import cache
from typing import TYPE_CHECKING

from mnv2bench.report.cells import escape

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment(package: str, autoescape: bool, keep_trailing_newline: bool = False) -> "Environment":
    """Jinja's environment of the templates in a package: a name that is not there is an error.

    `autoescape` is for HTML. Of Python and Markdown Jinja escapes nothing: there `plain` is the filter for texts of
    files.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
        autoescape=autoescape,
    )
    made.filters["plain"] = escape
    return made
