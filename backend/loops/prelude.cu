// What generated kernels call. No header is included, so that NVRTC needs none; a host
// that gives threadIdx, shuffles and barriers of its own can run the kernels too.

typedef long long i64;
typedef unsigned long long u64;
typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef unsigned int u32;

enum { MOST = 256 };  // threads of a block

// Bits of floats, 16-bit floats.

__device__ inline float float_of(u32 bits) { return __int_as_float((int)bits); }
__device__ inline u32 bits_of(float x) { return (u32)__float_as_int(x); }
__device__ inline double double_of(u64 bits) { return __longlong_as_double((i64)bits); }
__device__ inline u64 bits_of(double x) { return (u64)__double_as_longlong(x); }

#ifndef TULLE_HOST
__device__ inline float from_f16(u16 bits) {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
}
__device__ inline u16 to_f16(float x) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}
#endif
__device__ inline float from_bf16(u16 bits) { return float_of((u32)bits << 16); }
__device__ inline u16 to_bf16(float x) {
    u32 bits = bits_of(x);
    if (x != x) return (u16)((bits >> 16) | 0x40);
    return (u16)((bits + ((bits >> 16) & 1) + 0x7FFF) >> 16);
}

// Whole numbers wrap around; a division by zero gives 0.

template <class T> __device__ inline T sum_of(T x, T y) { return (T)((u64)x + (u64)y); }
template <class T> __device__ inline T difference(T x, T y) { return (T)((u64)x - (u64)y); }
template <class T> __device__ inline T product(T x, T y) { return (T)((u64)x * (u64)y); }
template <class T> __device__ inline T magnitude(T x) { return x < 0 ? difference((T)0, x) : x; }
template <class T> __device__ inline T floor_divide(T x, T y) {
    if (y == 0) return 0;
    if ((T)-1 < (T)0 && y == (T)-1) return difference((T)0, x);
    T quotient = (T)(x / y), rest = (T)(x % y);
    return rest != 0 && (rest < 0) != (y < 0) ? (T)(quotient - 1) : quotient;
}
template <class T> __device__ inline T modulo(T x, T y) {
    if (y == 0 || ((T)-1 < (T)0 && y == (T)-1)) return 0;
    T rest = (T)(x % y);
    return rest != 0 && (rest < 0) != (y < 0) ? (T)(rest + y) : rest;
}
template <class T> __device__ inline T shifted_left(T x, T y) {
    return (u64)y < 8 * sizeof(T) ? (T)((u64)x << y) : (T)0;
}
template <class T> __device__ inline T shifted_right(T x, T y) {
    if ((u64)y < 8 * sizeof(T)) return (T)(x >> y);
    return (T)-1 < (T)0 ? (T)(x >> (8 * sizeof(T) - 1)) : (T)0;
}
// A float as a whole number; what is beyond the ends stops there, NaN is 0.
template <class T, class F> __device__ inline T whole(F x, F end, T least, T most) {
    if (x != x) return 0;
    if (x >= end) return most;
    return x <= (F)least ? least : (T)x;
}

// Floats.

template <class T> __device__ inline T larger(T x, T y) {
    return x != x ? x : y != y ? y : x > y ? x : y;
}
template <class T> __device__ inline T smaller(T x, T y) {
    return x != x ? x : y != y ? y : x < y ? x : y;
}
__device__ inline float rest_of(float x, float y) { return fmodf(x, y); }
__device__ inline double rest_of(double x, double y) { return fmod(x, y); }
__device__ inline float signed_as(float x, float y) { return copysignf(x, y); }
__device__ inline double signed_as(double x, double y) { return copysign(x, y); }
__device__ inline float rounded_down(float x) { return floorf(x); }
__device__ inline double rounded_down(double x) { return floor(x); }
template <class T> __device__ inline T float_floor_divide(T x, T y) {
    if (y == 0) return x / y;
    T rest = rest_of(x, y), quotient = (x - rest) / y;
    if (rest != 0 && (rest < 0) != (y < 0)) quotient -= 1;
    if (quotient == 0) return signed_as((T)0, x / y);
    T below = rounded_down(quotient);
    return quotient - below > (T)0.5 ? below + 1 : below;
}
template <class T> __device__ inline T float_modulo(T x, T y) {
    T rest = rest_of(x, y);
    if (rest == 0) return signed_as((T)0, y);
    return (rest < 0) != (y < 0) ? rest + y : rest;
}

// Folds: what joins two partial results.

struct Sum {
    template <class T> __device__ static T of(T x, T y) { return sum_of(x, y); }
    __device__ static float of(float x, float y) { return x + y; }
    __device__ static double of(double x, double y) { return x + y; }
    __device__ static bool of(bool x, bool y) { return x | y; }
};
struct Product {
    template <class T> __device__ static T of(T x, T y) { return product(x, y); }
    __device__ static float of(float x, float y) { return x * y; }
    __device__ static double of(double x, double y) { return x * y; }
    __device__ static bool of(bool x, bool y) { return x & y; }
};
struct Largest {
    template <class T> __device__ static T of(T x, T y) { return larger(x, y); }
};
struct Smallest {
    template <class T> __device__ static T of(T x, T y) { return smaller(x, y); }
};

// A team: the threads that walk a unit of work together. It is a power of two of
// neighbours within a warp, or the whole block.

struct Team {
    int lane, lanes;
    unsigned mask;
    i64 number, count;
    __device__ Team(int lanes) : lanes(lanes) {
        lane = (int)threadIdx.x % lanes;
        unsigned first = (threadIdx.x % 32) / lanes * lanes;
        mask = lanes >= 32 ? 0xFFFFFFFFu : ((1u << lanes) - 1) << first;
        number = ((i64)blockIdx.x * blockDim.x + threadIdx.x) / lanes;
        count = (i64)gridDim.x * blockDim.x / lanes;
    }
    __device__ bool leads() const { return lane == 0; }
    __device__ void wait() const {
        if (lanes > 32) __syncthreads();
        else __syncwarp(mask);
    }
};

// Shuffles know 4 and 8 bytes.
template <class T> struct Carried { typedef int type; };
template <> struct Carried<float> { typedef float type; };
template <> struct Carried<double> { typedef double type; };
template <> struct Carried<u32> { typedef u32 type; };
template <> struct Carried<i64> { typedef i64 type; };
template <> struct Carried<u64> { typedef u64 type; };

// One value of each thread of a team as one, which all of them get with the same bits:
// neighbours first, the lower lane on the left.
template <class Fold, class T> __device__ T joined(const Team &team, T x) {
    int width = team.lanes < 32 ? team.lanes : 32;
    for (int step = 1; step < width; step *= 2) {
        T y = (T)__shfl_xor_sync(team.mask, (typename Carried<T>::type)x, step);
        x = team.lane & step ? Fold::of(y, x) : Fold::of(x, y);
    }
    if (team.lanes <= 32) return x;
    __shared__ T parts[MOST / 32];
    if (team.lane % 32 == 0) parts[team.lane / 32] = x;
    __syncthreads();
    x = parts[0];
    for (int part = 1; part < team.lanes / 32; ++part) x = Fold::of(x, parts[part]);
    __syncthreads();
    return x;
}

// The columns of a unit of work: a whole block that sums them up has groups of threads,
// which share the rows; a smaller team is one group. What its groups found is joined in
// their order. All threads of a team have to come there.
struct Columns {
    int column, across, group, groups;
    __device__ Columns(const Team &team, i64 count) : across(team.lanes) {
        if (across > 32)
            while (across > 1 && across / 2 >= count) across /= 2;
        column = team.lane % across, group = team.lane / across;
        groups = team.lanes / across;
    }
    template <class Fold, class T> __device__ T joined(T x) const {
        if (groups == 1) return x;
        __shared__ T parts[MOST];
        parts[threadIdx.x] = x;
        __syncthreads();
        x = parts[column];
        for (int other = 1; other < groups; ++other)
            x = Fold::of(x, parts[other * across + column]);
        __syncthreads();
        return x;
    }
};
