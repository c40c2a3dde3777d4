"""Parts of the C file that every program may need: threads, memory past the cache, products of matrices.

NAME stands for the function, since several files may become one program.
"""

from __future__ import annotations

__all__ = ["PRODUCT", "STREAM", "THREADS"]

THREADS = """\
/* work in parts, each of which runs once, by one of several threads; `hurry` where others wait for the processors */
typedef void (*part_function)(const void *task, ptrdiff_t part, ptrdiff_t thread);
typedef void (*team_function)(part_function work, const void *task, ptrdiff_t parts, int threads, int small, int hurry);
team_function NAME_team; /* shares the parts out; set it to use other threads than OpenMP's */

enum { LINE = 64 / sizeof(real) }; /* entries in a line of the cache */

#ifdef _OPENMP
#include <omp.h>
#define thread_number() omp_get_thread_num()
#else
#define thread_number() 0
#endif

static void in_parts(part_function work, const void *task, ptrdiff_t parts, int threads, int small, int hurry)
{
    if (threads > 1 && parts > 1 && NAME_team != NULL) {
        NAME_team(work, task, parts, threads, small, hurry);
        return;
    }
    #pragma omp parallel for num_threads(threads) if (threads > 1 && !small) schedule(dynamic)
    for (ptrdiff_t part = 0; part < parts; part++)
        work(task, part, thread_number());
}
"""

STREAM = """\
#if defined(__AVX__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#define BLOCK 256 /* entries of a result that are computed before they are written past the cache */

/* copy a block to memory that is not read again soon: past the cache where the machine can */
static inline void stream_out(real *to, const real *from, ptrdiff_t count)
{
#if defined(__AVX512F__) || defined(__AVX__) || defined(__SSE2__)
#if defined(__AVX512F__)
    enum { LINE = 64 / sizeof(real) };
#elif defined(__AVX__)
    enum { LINE = 32 / sizeof(real) };
#else
    enum { LINE = 16 / sizeof(real) };
#endif
    while (count > 0 && (uintptr_t)to % (LINE * sizeof(real))) {
        *to++ = *from++;
        count--;
    }
    for (; count >= LINE; count -= LINE, to += LINE, from += LINE) {
#if defined(__AVX512F__)
        _mm512_stream_si512((__m512i *)to, _mm512_loadu_si512((const void *)from));
#elif defined(__AVX__)
        _mm256_stream_si256((__m256i *)to, _mm256_loadu_si256((const __m256i *)from));
#else
        _mm_stream_si128((__m128i *)to, _mm_loadu_si128((const __m128i *)from));
#endif
    }
#endif
    memcpy(to, from, (size_t)count * sizeof(real));
}

/* ask for memory that is soon read, as far as the second cache: the next row arrives while this one is written */
static inline void fetch(const real *from, ptrdiff_t count)
{
#if defined(__GNUC__)
    for (ptrdiff_t k = 0; k < count; k += 64 / (ptrdiff_t)sizeof(real))
        __builtin_prefetch(from + k, 0, 2);
#else
    (void)from, (void)count;
#endif
}

/* what was written past the cache is in memory when another thread looks */
static inline void stream_end(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}
"""

PRODUCT = """\
/* out = scale a b + keep out: m rows, n columns, a sum over k; steps from row to row and from column to column */
typedef void (*product_function)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, real scale, const real *a, ptrdiff_t a_row,
    ptrdiff_t a_column, const real *b, ptrdiff_t b_row, ptrdiff_t b_column, real keep, real *out, ptrdiff_t out_row);

/* BLAS as C knows it, with 64-bit sizes or with int; set one of them for speed */
typedef void (*blas64)(int order, int left, int right, int64_t m, int64_t n, int64_t k, real scale, const real *a,
    int64_t a_step, const real *b, int64_t b_step, real keep, real *out, int64_t out_step);
typedef void (*blas32)(int order, int left, int right, int m, int n, int k, real scale, const real *a, int a_step,
    const real *b, int b_step, real keep, real *out, int out_step);
struct products {
    blas64 wide;
    blas32 narrow;
    product_function other;
    int apart; /* whether each thread may call it on its own */
};
struct products NAME_products;

static void product(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, real scale, const real *a, ptrdiff_t a_row,
    ptrdiff_t a_column, const real *b, ptrdiff_t b_row, ptrdiff_t b_column, real keep, real *out, ptrdiff_t out_row)
{
    const struct products *use = &NAME_products;
    const int left = a_column == 1 ? 111 : 112, right = b_column == 1 ? 111 : 112;
    const ptrdiff_t a_step = a_column == 1 ? a_row : a_column, b_step = b_column == 1 ? b_row : b_column;
    const ptrdiff_t a_least = a_column == 1 ? k : m, b_least = b_column == 1 ? n : k;
    const int large = m > 0 && n > 0 && k > 0 && m * n * k > 512;
    if (large && use->wide != NULL)
        use->wide(101, left, right, m, n, k, scale, a, a_step > a_least ? a_step : a_least, b,
            b_step > b_least ? b_step : b_least, keep, out, out_row > n ? out_row : n);
    else if (large && use->narrow != NULL && m <= INT32_MAX && n <= INT32_MAX && k <= INT32_MAX
        && a_step <= INT32_MAX && b_step <= INT32_MAX && out_row <= INT32_MAX)
        use->narrow(101, left, right, (int)m, (int)n, (int)k, scale, a, (int)(a_step > a_least ? a_step : a_least), b,
            (int)(b_step > b_least ? b_step : b_least), keep, out, (int)(out_row > n ? out_row : n));
    else if (large && use->other != NULL)
        use->other(m, n, k, scale, a, a_row, a_column, b, b_row, b_column, keep, out, out_row);
    else
        for (ptrdiff_t i = 0; i < m; i++) {
            for (ptrdiff_t j = 0; j < n; j++)
                out[i * out_row + j] = keep == 0 ? 0 : keep * out[i * out_row + j];
            for (ptrdiff_t l = 0; l < k; l++) {
                const real factor = scale * a[i * a_row + l * a_column];
                for (ptrdiff_t j = 0; j < n; j++)
                    out[i * out_row + j] += factor * b[l * b_row + j * b_column];
            }
        }
}
"""
