"""Which cases to measure: the options of `pytest suites` and of every verb that measures, and what they choose."""

from mnv2bench.selection.named import named_case
from mnv2bench.selection.options import (
    AUTO,
    BUDGET,
    DRY_RUN,
    FLAGS,
    LISTS,
    NO_ACCURACY,
    OPTIONS,
    PLURALS,
    QUICK_ON_GPUS,
    REPEATED,
    SEEDED,
    SINGULARS,
    SUITES,
    SWEEP,
    plural,
    spellings,
)
from mnv2bench.selection.reading import BUDGETED, MAX_PROCESSES, MAX_ROUNDS, MAX_SEED, Selection, option_text, select
from mnv2bench.selection.suites import mobile_backends, require_cores, selected_cases, suite_cases
from mnv2bench.selection.variant import named_variant

__all__ = [
    "AUTO",
    "BUDGET",
    "BUDGETED",
    "DRY_RUN",
    "FLAGS",
    "LISTS",
    "MAX_PROCESSES",
    "MAX_ROUNDS",
    "MAX_SEED",
    "NO_ACCURACY",
    "OPTIONS",
    "PLURALS",
    "QUICK_ON_GPUS",
    "REPEATED",
    "SEEDED",
    "SINGULARS",
    "SUITES",
    "SWEEP",
    "Selection",
    "mobile_backends",
    "named_case",
    "named_variant",
    "option_text",
    "plural",
    "require_cores",
    "select",
    "selected_cases",
    "spellings",
    "suite_cases",
]
