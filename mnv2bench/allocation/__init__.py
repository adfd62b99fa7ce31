"""Allocation: which case of a campaign gets the next process, and which case of each contest is the fastest.

Pure numbers: no clock, no file and no process is touched here. docs/thresholds.md#allocation
"""

from mnv2bench.allocation.blocks import Block, next_block
from mnv2bench.allocation.contests import Contest, Decision, ranking
from mnv2bench.allocation.standing import Standing
from mnv2bench.records.blocks import Reason

__all__ = ["Block", "Contest", "Decision", "Reason", "Standing", "next_block", "ranking"]
