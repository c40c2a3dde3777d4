"""The system's C compiler: found, asked to make a shared library of a text, and the library kept by its content.

A library is made under another name and then renamed, so that processes that need the same one at once do not meet.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from tensorcalc.errors import TensorCalcError

__all__ = ["Compiler", "cache_folder", "compiler", "shared_library", "writable"]

FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-w")


class Compiler:
    """A C compiler as a command. `faster` are the groups of optional flags that it may understand, the best first."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.command = command
        machines = (("-march=native",), ("-mcpu=native",), ())
        self.faster = [(*machine, *simd) for simd in (("-fopenmp-simd",), ()) for machine in machines]

    def build(self, source: str, target: Path, flags: tuple[str, ...]) -> None:
        """A shared library of a source text. Raises `TensorCalcError` E_TARGET where the compiler refuses it."""
        message = ""
        for place, faster in enumerate(self.faster):
            command = (*self.command, *FLAGS, *faster, *flags, "-x", "c", "-", "-o", str(target), "-lm")
            done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
            if not done.returncode:
                del self.faster[:place]  # those before were not understood
                return
            message = message or done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise TensorCalcError(
            "E_TARGET",
            f"{self.command[0]} did not compile the generated code: {message or 'it gave no message'}",
            hint="choose another compiler with the environment variable CC",
        )


def _candidates() -> list[tuple[str, ...]]:
    own = os.environ.get("CC")
    found = [tuple(shlex.split(own))] if own else []
    found += [(name,) for name in ("cc", "gcc", "clang")]
    commands = [c for c in found if c and shutil.which(c[0])]
    if importlib.util.find_spec("ziglang") is not None:
        commands.append((sys.executable, "-m", "ziglang", "cc"))
    return commands


def compiler() -> Compiler:
    """The first compiler of $CC, cc, gcc, clang, and the one of the extra `kernels`.

    Raises `TensorCalcError` E_TARGET where there is none.
    """
    commands = _candidates()
    if not commands:
        raise TensorCalcError(
            "E_TARGET",
            "the target c needs a C compiler, and there is none on this machine",
            hint='install gcc or clang, or a compiler from PyPI with: pip install "tensorcalc[kernels]"',
        )
    return _compiler(commands[0])


@lru_cache
def _compiler(command: tuple[str, ...]) -> Compiler:
    return Compiler(command)


def cache_folder() -> Path:
    """Where compiled libraries are kept: in `XDG_CACHE_HOME`, by default `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"


@lru_cache(1)
def _machine() -> str:
    """What -march=native depends on."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        wanted = ("model name", "flags", "Features", "CPU part")
        lines = sorted({line for line in text.splitlines() if line.startswith(wanted)})
        return "\n".join(lines)
    except OSError:
        return f"{platform.machine()} {platform.processor()}"


def shared_library(source: str, flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The loaded library of a source text, compiled where it is not yet in the cache."""
    key = hashlib.sha256("\0".join((source, *flags, *FLAGS, *compiler().command, _machine())).encode()).hexdigest()
    folder = cache_folder() / "tensorcalc" / "kernels"
    target = folder / f"{key[:32]}.so"
    if not target.exists():
        folder = writable(folder)
        target = folder / target.name
        if not target.exists():
            _made(source, flags, target)
    return ctypes.CDLL(str(target))


def writable(folder: Path) -> Path:
    """The folder, or one for this process alone where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return _private_folder()


@lru_cache(1)
def _private_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tensorcalc-"))


def _made(source: str, flags: tuple[str, ...], target: Path) -> None:
    handle, name = tempfile.mkstemp(suffix=".so", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        compiler().build(source, temporary, flags)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
