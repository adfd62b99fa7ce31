"""The measuring and the deciding measured: checks that print what they found and say whether it met its goal."""

from collections.abc import Callable

from rich.console import Console

from mnv2bench.selfcheck.harness import aa, benchmark_app, overhead

CHECKS: dict[str, Callable[[int, Console], bool]] = {"overhead": overhead, "benchmark_app": benchmark_app, "aa": aa}


def check(name: str, repeats: int, out: Console) -> bool:
    """Run one check and print what it measured; False where it missed its goal."""
    return CHECKS[name](repeats, out)
