// CUDA's threads on the host: one block after another, its threads as fibers that
// switch at barriers and shuffles. Blocks, and threads between two barriers, come in an
// order that is another one each time, and now and then a warp lags behind: where a
// barrier is missing, somebody reads what is not there yet or no more.
// For tests of generated kernels, which include it before their own text.

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

// An order of all numbers below `count`: each is `step` after the one before.
struct Order {
    unsigned at, step, count;
    Order(unsigned count) : count(count) {
        at = drawn() % count;
        do step = 1 + drawn() % count;
        while (common(step, count) != 1);
    }
    unsigned next() { return at = (at + step) % count; }
    static unsigned drawn() {
        static unsigned state = 1;
        return (state = state * 1664525 + 1013904223) >> 8;
    }
    static unsigned common(unsigned a, unsigned b) { return b ? common(b, a % b) : a; }
};

static int launch(
    void (*function)(const long long *, long long, int, const long long *),
    unsigned grid, unsigned block,
    const long long *args, long long total, int lanes, const long long *fault
) {
    if (block > FIBERS || block % 32) return 1;
    kernel = function, kernel_args = args, kernel_total = total, kernel_lanes = lanes;
    kernel_fault = fault;
    gridDim.x = grid, blockDim.x = block;
    Order blocks(grid);
    for (unsigned turn = 0; turn < grid; ++turn) {
        blockIdx.x = blocks.next();
        for (unsigned i = 0; i < block; ++i) {
            arrived[i] = 0, finished[i] = false;
            getcontext(&fibers[i]);
            fibers[i].uc_stack.ss_sp = stacks[i];
            fibers[i].uc_stack.ss_size = STACK;
            fibers[i].uc_link = &host;
            makecontext(&fibers[i], begin_thread, 0);
        }
        long before = -1;
        unsigned held = 0, rounds = 0;  // the warp that lags behind, and for how long
        for (bool left = true; left;) {
            long steps = 0;
            left = false;
            for (unsigned i = 0; i < block; ++i) steps += arrived[i] + finished[i];
            if (steps == before && !rounds) return 2;  // some thread never comes to a barrier
            rounds = steps == before || !rounds ? 0 : rounds - 1;
            if (steps != before && !rounds && Order::drawn() % 4 == 0)
                held = Order::drawn() % (block / 32), rounds = 1 + Order::drawn() % 16;
            before = steps;
            Order threads(block);
            for (unsigned place = 0; place < block; ++place) {
                const unsigned i = threads.next();
                if (finished[i]) continue;
                left = true;
                if (rounds && i / 32 == held) continue;
                threadIdx.x = i;
                swapcontext(&host, &fibers[i]);
            }
        }
    }
    return 0;
}
