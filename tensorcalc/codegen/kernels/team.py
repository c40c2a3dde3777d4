"""Threads that compiled programs share: one team for the whole process, written in C and compiled once.

Whoever has work in parts begins it at once and alone; members of the team that are awake take parts as well. So a
member that the system does not run holds up nobody, and small work is worth sharing. A member that has nothing to do
looks for work for a moment and then sleeps; small work wakes it only where calls come one after the other.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

from tensorcalc.codegen.kernels.compiler import shared_library
from tensorcalc.errors import TensorCalcError

__all__ = ["SOURCE", "share", "use_team"]

SOURCE = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__) || defined(__i386__)
#define pause_briefly() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define pause_briefly() __asm__ volatile("yield")
#else
#define pause_briefly() ((void)0)
#endif

typedef void (*part_function)(const void *task, ptrdiff_t part, ptrdiff_t thread);

enum { MOST = 1024, LOOK = 200000 /* nanoseconds for which a member looks for work before it sleeps */ };

/* The work: written only while `open` is 0 and nobody is inside. What changes often lies in lines of its own. */
static struct {
    part_function function;
    const void *task;
    ptrdiff_t parts;
    int threads;   /* members that may help have numbers below this one */
    int impatient; /* the processors are needed elsewhere: sleep at once afterwards */
    _Alignas(64) _Atomic uint32_t open; /* the number of the work, 0 where there is none */
    _Alignas(64) _Atomic ptrdiff_t next;
    _Alignas(64) _Atomic int inside;
    _Alignas(64) _Atomic int asleep;
} work;

static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER; /* held by whoever has work */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t call = PTHREAD_COND_INITIALIZER;
static uint32_t last;    /* the number of the last work */
static int members = 1;  /* with the one that has work */
static pthread_t threads_of[MOST];
static int64_t finished; /* when the last work was */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void take_parts(ptrdiff_t thread)
{
    for (;;) {
        const ptrdiff_t part = atomic_fetch_add(&work.next, 1);
        if (part >= work.parts)
            return;
        work.function(work.task, part, thread);
    }
}

static uint32_t wait_for_work(uint32_t seen, int sleepy)
{
    const int64_t begin = sleepy ? 0 : now();
    do {
        for (int k = 0; k < 64; k++) {
            const uint32_t number = atomic_load(&work.open);
            if (number != 0 && number != seen)
                return number;
            pause_briefly();
        }
    } while (!sleepy && now() - begin < LOOK);
    uint32_t number;
    pthread_mutex_lock(&gate);
    atomic_fetch_add(&work.asleep, 1);
    while ((number = atomic_load(&work.open)) == 0 || number == seen)
        pthread_cond_wait(&call, &gate);
    atomic_fetch_sub(&work.asleep, 1);
    pthread_mutex_unlock(&gate);
    return number;
}

static void *member(void *argument)
{
    const ptrdiff_t thread = (ptrdiff_t)(intptr_t)argument;
    uint32_t seen = 0;
    int sleepy = 0;
    for (;;) {
        seen = wait_for_work(seen, sleepy);
        atomic_fetch_add(&work.inside, 1);
        if (atomic_load(&work.open) == seen) {
            sleepy = work.impatient;
            if (thread < work.threads)
                take_parts(thread);
        }
        atomic_fetch_sub(&work.inside, 1);
    }
    return NULL;
}

/* A child has none of its parent's threads, whatever they were doing. */
static void forget(void)
{
    pthread_mutex_init(&busy, NULL);
    pthread_mutex_init(&gate, NULL);
    pthread_cond_init(&call, NULL);
    atomic_store(&work.open, 0);
    atomic_store(&work.inside, 0);
    atomic_store(&work.asleep, 0);
    members = 1;
}

/* Some systems run a thread where the one that woke it runs, though other processors have nothing to do. */
static void elsewhere(int first, int last)
{
#ifdef __linux__
    cpu_set_t others;
    const int here = sched_getcpu();
    if (here < 0 || pthread_getaffinity_np(pthread_self(), sizeof others, &others) != 0)
        return;
    if (here < CPU_SETSIZE && CPU_COUNT(&others) > 1)
        CPU_CLR(here, &others);
    for (int k = first; k < last; k++)
        pthread_setaffinity_np(threads_of[k], sizeof others, &others);
#else
    (void)first, (void)last;
#endif
}

static void grow(int threads)
{
    const int old = members;
    static int watched;
    if (!watched)
        watched = pthread_atfork(NULL, NULL, forget) == 0;
    sigset_t every, before;
    sigfillset(&every);
    pthread_sigmask(SIG_SETMASK, &every, &before); /* signals belong to the threads of the program */
    for (; watched && members < threads && members < MOST; members++)
        if (pthread_create(&threads_of[members], NULL, member, (void *)(intptr_t)members) != 0)
            break;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    elsewhere(old, members);
}

static void wake(int count)
{
    elsewhere(1, count);
    pthread_mutex_lock(&gate);
    pthread_cond_broadcast(&call);
    pthread_mutex_unlock(&gate);
}

/* run every part of some work once, on up to as many threads; `small` work does not wake sleeping ones for itself */
void tensorcalc_share(part_function function, const void *task, ptrdiff_t parts, int threads, int small, int hurry)
{
    if (pthread_mutex_trylock(&busy) != 0) { /* somebody else's work is under way */
        for (ptrdiff_t part = 0; part < parts; part++)
            function(task, part, 0);
        return;
    }
    if (members < threads)
        grow(threads);
    work.function = function;
    work.task = task;
    work.parts = parts;
    work.threads = threads;
    work.impatient = hurry;
    atomic_store(&work.next, 0);
    last = last + 1 != 0 ? last + 1 : 1;
    atomic_store(&work.open, last);
    if (atomic_load(&work.asleep) != 0 && (!small || now() - finished < LOOK))
        wake(members < threads ? members : threads);
    take_parts(0);
    atomic_store(&work.open, 0);
    for (int k = 1; atomic_load(&work.inside) != 0; k++) {
        pause_briefly();
        if (k % 1024 == 0)
            sched_yield();
    }
    finished = now();
    pthread_mutex_unlock(&busy);
}
"""


@lru_cache(1)
def share() -> int | None:
    """The address of the function that shares work; `None` where the machine has no such threads."""
    try:
        library = shared_library(SOURCE, ("-pthread",))
    except TensorCalcError:
        return None
    return ctypes.cast(library.tensorcalc_share, ctypes.c_void_p).value


def use_team(library: ctypes.CDLL, name: str) -> None:
    """Let the compiled program of this name share its work with the team."""
    ctypes.c_void_p.in_dll(library, f"{name}_team").value = share()
