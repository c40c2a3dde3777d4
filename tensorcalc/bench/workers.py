"""Calls that are timed turn by turn, each in a process of its own or all in this one.

Libraries fight over threads and over the heap where they share a process. Here each lives in its own, all are there at
once, and one works at a time: rounds go through all of them, so that they see the same load of the machine.
"""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tensorcalc.bench.machine import keep_heap, peak_memory
from tensorcalc.bench.model import Timing
from tensorcalc.errors import TensorCalcError

__all__ = ["Call", "Task", "measured"]

Array = npt.NDArray[Any]
Call = Callable[[], Sequence[Any]]
BATCH = 0.003  # seconds that a sample lasts at least
MOST_CALLS = 1000  # of a sample
SERVE = "from tensorcalc.bench.workers import serve; serve()"


@dataclass(frozen=True, slots=True)
class Task:
    """A variant: `maker` is a function as `module:name`, which makes the call to be timed from the arguments.

    With `warm`, large arrays come from a heap that keeps its pages, as after a while in a long process.
    """

    name: str
    maker: str
    arguments: tuple[Any, ...] = ()
    warm: bool = False


class _Runner(Protocol):
    """A variant that is ready: `reason` says why it is not."""

    reason: str

    def results(self) -> list[Array]:
        """What a call returns."""

    def memory(self) -> int | None:
        """The memory that a call takes."""

    def sample(self) -> float:
        """The seconds of a call."""

    def close(self) -> None:
        """Let go of everything."""


class _Here:
    """A variant in this process."""

    def __init__(self, task: Task) -> None:
        self.reason = ""
        self._number = 1
        if task.warm and not keep_heap():
            self.reason = "the system's allocator cannot be told to keep pages"
            return
        module, _, name = task.maker.partition(":")
        try:
            self._call: Call = getattr(importlib.import_module(module), name)(*task.arguments)
            self._call()
        except ModuleNotFoundError as problem:
            self.reason = f"the library {problem.name} is not installed"
        except (TensorCalcError, ImportError) as problem:
            self.reason = problem.message if isinstance(problem, TensorCalcError) else str(problem)

    def results(self) -> list[Array]:
        return [np.asarray(r).copy() for r in self._call()]

    def memory(self) -> int | None:
        found = peak_memory(self._call)
        start = time.perf_counter()
        self._call()
        self._number = max(1, min(MOST_CALLS, int(BATCH / (time.perf_counter() - start))))
        return found

    def sample(self) -> float:
        self._call()  # after the turns of others its code and data are cold
        start = time.perf_counter()
        for _ in range(self._number):
            self._call()
        return (time.perf_counter() - start) / self._number

    def close(self) -> None:
        pass


class _Apart:
    """A variant in a process of its own, which answers one request after the other."""

    def __init__(self, task: Task) -> None:
        paths = os.pathsep.join(p for p in sys.path if p)
        environment = {**os.environ, "PYTHONPATH": paths}
        command = [sys.executable, "-c", SERVE]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._name = task.name
        self.reason: str = self._asked(task)

    def _asked(self, request: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise RuntimeError(f"the process of {self._name} ended") from None

    def results(self) -> list[Array]:
        return self._asked("results")

    def memory(self) -> int | None:
        return self._asked("memory")

    def sample(self) -> float:
        return self._asked("sample")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def serve() -> None:
    """Answer the requests of a parent: a task first, then what is wanted of it. What is printed goes to the errors."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        runner = _Here(pickle.load(sys.stdin.buffer))
        answer: Any = runner.reason
    except Exception as problem:
        answer = f"{type(problem).__name__}: {str(problem).strip().partition(chr(10))[0]}"
    while True:
        pickle.dump(answer, answers)
        answers.flush()
        try:
            answer = getattr(runner, pickle.load(sys.stdin.buffer))()
        except EOFError:
            return


def measured(
    tasks: Sequence[Task], rounds: int, *, apart: bool = True, reference: Sequence[Array] = ()
) -> tuple[list[Timing], list[Array]]:
    """A row for each task, and the results with which all were compared: `reference`, or those of the first task.

    With `apart` each task has a process of its own; without, memory is what this process has to take in addition, and
    tasks with a warm heap are left out.
    """
    runners: dict[str, _Runner] = {}
    try:
        for task in tasks:
            runners[task.name] = _Apart(task) if apart else _Together(task)
        return _rows(runners, rounds, list(reference))
    finally:
        for runner in runners.values():
            runner.close()


class _Together(_Here):
    """A variant in this process, beside others."""

    def __init__(self, task: Task) -> None:
        if task.warm:
            self.reason = "needs a process of its own"
        else:
            super().__init__(task)


def _rows(runners: Mapping[str, _Runner], rounds: int, expected: list[Array]) -> tuple[list[Timing], list[Array]]:
    ready = {name: runner for name, runner in runners.items() if not runner.reason}
    errors: dict[str, float] = {}
    memory: dict[str, int | None] = {}
    for name, runner in ready.items():
        found = runner.results()
        expected = expected or found
        errors[name] = _error(found, expected)
        memory[name] = runner.memory()
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(max(rounds, 2)):
        for name, runner in ready.items():
            times[name].append(runner.sample())
    rows = []
    for name, runner in runners.items():
        if name not in ready:
            rows.append(Timing(name, reason=runner.reason))
            continue
        lower, median, upper = quantiles(times[name], n=4)
        rows.append(Timing(name, median, lower, upper, memory[name], errors[name]))
    return rows, expected


def _error(found: Sequence[Array], expected: Sequence[Array]) -> float:
    """The largest difference relative to the largest entry of each result."""
    worst = 0.0
    for mine, theirs in zip(found, expected, strict=True):
        a, b = (np.asarray(x, dtype=np.float64) for x in (mine, theirs))
        if a.shape != b.shape or not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return float("inf")
        finite = np.isfinite(b)
        largest = max(float(np.max(np.abs(b), initial=0, where=finite)), 1e-30)
        worst = max(worst, float(np.max(np.abs(a - b), initial=0, where=finite)) / largest)
    return worst
