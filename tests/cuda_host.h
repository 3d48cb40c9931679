// CUDA's threads on the host: one block after another, its threads as fibers that
// switch at barriers and shuffles. For tests of generated kernels, which include it
// before their own text.

#include <math.h>
#include <string.h>
#include <ucontext.h>

#define TULLE_HOST
#define __global__
#define __device__
#define __launch_bounds__(threads)
#define __shared__ static

struct Index {
    unsigned x;
};
static Index threadIdx, blockIdx, blockDim, gridDim;

static int __float_as_int(float x) { int r; memcpy(&r, &x, 4); return r; }
static float __int_as_float(int x) { float r; memcpy(&r, &x, 4); return r; }
static long long __double_as_longlong(double x) { long long r; memcpy(&r, &x, 8); return r; }
static double __longlong_as_double(long long x) { double r; memcpy(&r, &x, 8); return r; }
static float from_f16(unsigned short bits) {
    _Float16 x;
    memcpy(&x, &bits, 2);
    return (float)x;
}
static unsigned short to_f16(float x) {
    _Float16 half = (_Float16)x;
    unsigned short bits;
    memcpy(&bits, &half, 2);
    return bits;
}

// Fibers. A thread waits at a barrier until every other one that must come has come.

enum { FIBERS = 256, STACK = 1 << 16 };
static ucontext_t host, fibers[FIBERS];
static char stacks[FIBERS][STACK];
static long arrived[FIBERS];  // how many barriers each thread has reached
static bool finished[FIBERS];
static unsigned long long carried[FIBERS];

static void (*kernel)(const long long *, long long, int, const long long *);
static const long long *kernel_args, *kernel_fault;
static long long kernel_total;
static int kernel_lanes;

static void begin_thread() {
    kernel(kernel_args, kernel_total, kernel_lanes, kernel_fault);
    finished[threadIdx.x] = true;
}

static void meet(unsigned first, unsigned count, unsigned mask) {
    unsigned self = threadIdx.x;
    long turn = ++arrived[self];
    for (;;) {
        bool all = true;
        for (unsigned i = 0; i < count; ++i)
            if ((count > 32 || mask >> i & 1) && arrived[first + i] < turn) all = false;
        if (all) return;
        swapcontext(&fibers[self], &host);
        threadIdx.x = self;
    }
}

static void __syncthreads() { meet(0, blockDim.x, 0); }
static void __syncwarp(unsigned mask) { meet(threadIdx.x / 32 * 32, 32, mask); }

template <class T> static T __shfl_xor_sync(unsigned mask, T x, int step) {
    unsigned other = threadIdx.x ^ (unsigned)step;
    memcpy(&carried[threadIdx.x], &x, sizeof x);
    __syncwarp(mask);
    memcpy(&x, &carried[other], sizeof x);
    __syncwarp(mask);
    return x;
}

static unsigned __ballot_sync(unsigned mask, bool hit) {
    unsigned found = 0, first = threadIdx.x / 32 * 32;
    carried[threadIdx.x] = hit;
    __syncwarp(mask);
    for (unsigned i = 0; i < 32; ++i) found |= (unsigned)(carried[first + i] & 1) << i;
    __syncwarp(mask);
    return found;
}
static unsigned long long atomicMin(unsigned long long *at, unsigned long long x) {
    unsigned long long old = *at;
    if (x < old) *at = x;
    return old;
}

static int launch(
    void (*function)(const long long *, long long, int, const long long *),
    unsigned grid, unsigned block,
    const long long *args, long long total, int lanes, const long long *fault
) {
    if (block > FIBERS || block % 32) return 1;
    kernel = function, kernel_args = args, kernel_total = total, kernel_lanes = lanes;
    kernel_fault = fault;
    gridDim.x = grid, blockDim.x = block;
    for (blockIdx.x = 0; blockIdx.x < grid; ++blockIdx.x) {
        for (unsigned i = 0; i < block; ++i) {
            arrived[i] = 0, finished[i] = false;
            getcontext(&fibers[i]);
            fibers[i].uc_stack.ss_sp = stacks[i];
            fibers[i].uc_stack.ss_size = STACK;
            fibers[i].uc_link = &host;
            makecontext(&fibers[i], begin_thread, 0);
        }
        long before = -1;
        for (bool left = true; left;) {
            long steps = 0;
            left = false;
            for (unsigned i = 0; i < block; ++i) steps += arrived[i] + finished[i];
            if (steps == before) return 2;  // some thread never comes to a barrier
            before = steps;
            // The last thread goes first, so that nobody relies on the order.
            for (unsigned i = block; i-- > 0;) {
                if (finished[i]) continue;
                threadIdx.x = i;
                swapcontext(&host, &fibers[i]);
                left = true;
            }
        }
    }
    return 0;
}
