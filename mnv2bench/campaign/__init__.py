"""Campaigns: cases become Records, one fresh process at a time, and an interrupted campaign can be resumed."""

from mnv2bench.campaign.budget import Candidate, Policy
from mnv2bench.campaign.campaign import Campaign, run
from mnv2bench.campaign.items import Item, Needs
from mnv2bench.campaign.patience import Patience
from mnv2bench.campaign.processes import Turn
from mnv2bench.campaign.schedule import all_backends
from mnv2bench.locks import Progress

__all__ = ["Campaign", "Candidate", "Item", "Needs", "Patience", "Policy", "Progress", "Turn", "all_backends", "run"]
