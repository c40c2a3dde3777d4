"""The benchmark of gradients at small sizes: every workload is right in every variant."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from kernel_tools import needs_compiler

pytest.importorskip("torch")
pytestmark = needs_compiler
FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The benchmark as a module, with compiled libraries in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module("kernels")


def test_results_agree_with_autograd(kernels: Any, tmp_path: Path) -> None:
    variants = ("torch.autograd", "textbook", "numpy", "torch", "c")
    results = [kernels.measure(name, 2, True, variants, apart=False) for name in kernels.WORKLOADS]
    for result in results:
        assert not [row.reason for row in result.rows if row.reason], result.title
        assert kernels.worst(result) < kernels.TOLERANCE, result.title
        assert result.title in kernels.line(result)
    assert json.dumps([r.to_dict() for r in results])
    table = kernels.markdown(results).splitlines()
    assert len(table) == len(results) + 2
    assert len({row.count("|") for row in table}) == 1
