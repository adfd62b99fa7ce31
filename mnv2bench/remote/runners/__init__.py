"""Runners: the programs that run a model on a remote device, and the bundles that are pushed there."""
