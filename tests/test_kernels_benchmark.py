"""The benchmark of the target c at small sizes: every workload is right."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from kernel_tools import needs_compiler

pytest.importorskip("torch")
pytestmark = needs_compiler
FILE = Path(__file__).resolve().parent.parent / "benchmarks" / "kernels.py"


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The benchmark as a module, with compiled libraries in a folder of the tests."""
    spec = importlib.util.spec_from_file_location("kernels_benchmark", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setitem(sys.modules, spec.name, module)
        patch.setattr(sys, "path", list(sys.path))
        spec.loader.exec_module(module)
        yield module


def test_results_agree_with_autograd(kernels: Any) -> None:
    for name in kernels.WORKLOADS:
        _, _, wrong = kernels.measure(name, 1, True, False)
        assert wrong < 1e-4, name
