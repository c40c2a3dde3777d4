"""What is installed: the wheel, the source archive, an editable install."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, built from a copy of the tree."""
    folder = tmp_path_factory.mktemp("build")
    tree = folder / "tree"
    ignore = shutil.ignore_patterns(".git", ".venv*", "__pycache__", "*_cache", ".hypothesis", "node_modules")
    shutil.copytree(ROOT, tree, ignore=ignore)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=tree, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return folder


def test_the_wheel_holds_the_package_and_the_library(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert tops == {"tensorcalc"}
    assert "tensorcalc/_derivations/cross_entropy.toml" in names
    assert "tensorcalc/py.typed" in names
    for asset in ("page.css", "page.js", "katex/katex.min.js", "katex/LICENSE", "katex/fonts/KaTeX_Main-Regular.woff2"):
        assert f"tensorcalc/pages/assets/{asset}" in names
    assert not any("test" in name for name in names)


def test_the_wheel_works_alone(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    unpacked = built / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    code = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
        "import tensorcalc as tc\nfrom tensorcalc import library\n"
        f"assert tc.__file__.startswith({str(unpacked)!r})\n"
        "assert 'cross_entropy' in library.names()\ntc.load('cross_entropy').derive().html()"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=built, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_source_archive_is_complete(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.split("/", 1)[1] for name in opened.getnames() if "/" in name}
    for name in (
        "cli.py",
        "README.md",
        "LICENSE",
        "derivations/softmax.toml",
        "tests/conftest.py",
        "tensorcalc/api.py",
    ):
        assert name in names


def test_no_common_name_is_installed_at_the_top() -> None:
    installed = list(importlib.metadata.distributions(name="tensorcalc"))
    files = [file for found in installed for file in found.files or ()]
    tops = {file.parts[0] for file in files}
    assert not tops & {"cli", "cli.py", "derivations", "tests", "benchmarks"}
