"""The templates of what is shipped."""

from functools import partial

from mnv2bench.report import templates

environment = partial(templates.environment, "mnv2bench.shipping", autoescape=False, keep_trailing_newline=True)
