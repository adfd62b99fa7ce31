"""The templates of what is shipped, rendered by Jinja."""

from functools import cache
from typing import TYPE_CHECKING

from mnv2bench.report.cells import escape

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> "Environment":
    """Jinja's environment of all templates: a name that is not there is an error.

    Its texts are Python and Markdown, for which Jinja escapes nothing: `plain` is the filter for texts of files.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("mnv2bench.shipping"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters["plain"] = escape
    return made
