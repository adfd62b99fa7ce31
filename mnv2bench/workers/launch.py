"""Run a module of this very package: python -P launch.py MODULE JOB.

A worker must run the package of its parent. `python -m` would run the first one that the interpreter finds: that of the
current folder, or an installed one. Everything else is imported from where the interpreter finds it.
"""

import importlib.util
import runpy
import sys
from pathlib import Path

PACKAGE = "mnv2bench"


def import_package(folder: Path) -> None:
    """Import the package from its folder, under its name."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} holds no package {PACKAGE}: install it again")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    import_package(Path(__file__).resolve().parents[1])
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
