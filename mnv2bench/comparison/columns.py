"""All columns of the CSV in their order."""

from mnv2bench.gpu import columns as gpu
from mnv2bench.remote import columns as remote
from mnv2bench.report import columns as core
from mnv2bench.report.column import Columns

COLUMNS: Columns = (*core.COLUMNS, *gpu.COLUMNS, *remote.COLUMNS, *core.ORIGIN)
