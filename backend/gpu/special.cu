// Ops that are no loops over elements. Units of work are numbered as in generated
// kernels; operands and results are dense.

__device__ inline i64 first_unit() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 all_units() { return (i64)gridDim.x * blockDim.x; }

// Indices. What is at fault is recorded once a check: a flag for everybody who comes
// later, the place and value of the first wrong index, and the size of its axis.

template <class T> __device__ bool counted(T index, i64 size, i64 &place) {
    place = (i64)index;
    if ((T)-1 > (T)0) return (u64)index < (u64)size;
    if (place < 0) place += size;
    return place >= 0 && place < size;
}
__device__ inline void record(i64 *faults, i64 check, i64 element, i64 value, i64 size) {
    i64 *told = faults + 1 + 2 * check;
    atomicMin((u64 *)told, (u64)element << 32 | (u32)value);
    told[1] = size;
    faults[0] = 1;
}

// args: indices, result, faults, number of the check, size of the axis
template <class T> __device__ void positions(const i64 *args, i64 total) {
    const T *indices = (const T *)args[0];
    T *result = (T *)args[1];
    const i64 size = args[4];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 place;
        bool fine = counted(indices[unit], size, place);
        result[unit] = fine ? (T)place : (T)0;
        if (!fine) record((i64 *)args[2], args[3], unit, (i64)indices[unit], size);
    }
}

// args: source [outer, size, inner], indices [count], result [outer, count, inner],
// faults, number of the check, size, count, inner
template <class T, class I> __device__ void take(const i64 *args, i64 total) {
    const T *source = (const T *)args[0];
    const I *indices = (const I *)args[1];
    T *result = (T *)args[2];
    const i64 size = args[5], count = args[6], inner = args[7];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 row = unit / inner, turn = row % count, place;
        bool fine = counted(indices[turn], size, place);
        i64 from = (row / count * size + place) * inner + unit % inner;
        result[unit] = fine ? source[from] : (T)0;
        if (!fine) record((i64 *)args[3], args[4], turn, (i64)indices[turn], size);
    }
}

// The same, where each element has an index: indices and result [outer, count, inner].
template <class T, class I> __device__ void take_along_axis(const i64 *args, i64 total) {
    const I *indices = (const I *)args[1];
    T *result = (T *)args[2];
    const i64 size = args[5], count = args[6], inner = args[7];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 place;
        bool fine = counted(indices[unit], size, place);
        i64 from = (unit / inner / count * size + place) * inner + unit % inner;
        result[unit] = fine ? ((const T *)args[0])[from] : (T)0;
        if (!fine) record((i64 *)args[3], args[4], unit, (i64)indices[unit], size);
    }
}

// args: rows [outer, count, inner], indices [count], result [outer, size, inner], size,
// count, inner, pieces. A warp adds up a piece of a row of the result, in the order of
// the indices, so that a run repeats to the bit.
enum { PIECE = 128 };
template <class T, class I> __device__ void add_at(const i64 *args, i64 total) {
    const I *indices = (const I *)args[1];
    const i64 size = args[3], count = args[4], inner = args[5], pieces = args[6];
    const int lane = (int)threadIdx.x % 32;
    for (i64 unit = first_unit() / 32; unit < total; unit += all_units() / 32) {
        const i64 row = unit / pieces % size, outer = unit / pieces / size;
        const i64 low = unit % pieces * PIECE, high = smaller(low + PIECE, inner);
        T *result = (T *)args[2] + (outer * size + row) * inner;
        for (i64 at = low + lane; at < high; at += 32) result[at] = 0;
        for (i64 start = 0; start < count; start += 32) {
            i64 place = -1;
            if (start + lane < count) counted(indices[start + lane], size, place);
            u32 hits = __ballot_sync(0xFFFFFFFFu, place == row);
            for (int turn = 0; hits; ++turn, hits >>= 1) {
                if (!(hits & 1)) continue;
                const T *from = (const T *)args[0] + (outer * count + start + turn) * inner;
                for (i64 at = low + lane; at < high; at += 32)
                    result[at] = Sum::of(result[at], from[at]);
            }
        }
    }
}

// Random numbers: Philox4x32-10, with the bits of the reference. The state has a seed
// and a count for each generator.

// args: state, number of the generator, draw, key u32[4]
__device__ void random_key(const i64 *args, i64 total) {
    const u64 *state = (const u64 *)args[0] + 2 * args[1];
    u32 *key = (u32 *)args[3];
    const u64 count = state[1] + (u64)args[2];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        key[0] = (u32)state[0], key[1] = (u32)(state[0] >> 32);
        key[2] = (u32)count, key[3] = (u32)(count >> 32);
    }
}
// args: state, then how many draws there were from each generator
__device__ void random_advance(const i64 *args, i64 total) {
    u64 *state = (u64 *)args[0];
    for (i64 unit = first_unit(); unit < total; unit += all_units())
        state[2 * unit + 1] += (u64)args[1 + unit];
}

struct Words {
    u32 of[4];
};
__device__ inline Words philox(const u32 *key, u64 block) {
    Words c = {{(u32)block, (u32)(block >> 32), key[2], key[3]}};
    u32 k0 = key[0], k1 = key[1];
    for (int turn = 0; turn < 10; ++turn) {
        const u64 low = (u64)c.of[0] * 0xD2511F53u, high = (u64)c.of[2] * 0xCD9E8D57u;
        c = {{(u32)(high >> 32) ^ c.of[1] ^ k0, (u32)high,
              (u32)(low >> 32) ^ c.of[3] ^ k1, (u32)low}};
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return c;
}

// Floats as they lie in memory: what they are summed in, and made of a random word.

struct Single {
    typedef float type;
    typedef float sum;
    __device__ static float of(u32 word) { return (float)(word >> 8) * 0x1p-24f; }
    __device__ static float value(float x) { return x; }
    __device__ static float rounded(double x) { return (float)x; }
};
struct Double {
    typedef double type;
    typedef double sum;
    __device__ static double value(double x) { return x; }
    __device__ static double rounded(double x) { return x; }
};
struct Half {
    typedef u16 type;
    typedef float sum;
    __device__ static u16 of(u32 word) { return to_f16((float)(word >> 21) * 0x1p-11f); }
    __device__ static float value(u16 x) { return from_f16(x); }
    __device__ static u16 rounded(double x) { return to_f16((float)x); }
};
struct Brain {
    typedef u16 type;
    typedef float sum;
    __device__ static u16 of(u32 word) { return to_bf16((float)(word >> 24) * 0x1p-8f); }
    __device__ static float value(u16 x) { return from_bf16(x); }
    __device__ static u16 rounded(double x) { return to_bf16((float)x); }
};

// args: key u32[4], result, count of numbers. A unit is a block of four words.
template <class K> __device__ void random_uniform(const i64 *args, i64 total) {
    typename K::type *result = (typename K::type *)args[1];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        const Words words = philox((const u32 *)args[0], (u64)unit);
        for (i64 at = 4 * unit; at < smaller(4 * unit + 4, args[2]); ++at)
            result[at] = K::of(words.of[at % 4]);
    }
}
template <> __device__ void random_uniform<Double>(const i64 *args, i64 total) {
    double *result = (double *)args[1];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        const Words words = philox((const u32 *)args[0], (u64)unit);
        for (i64 at = 2 * unit; at < smaller(2 * unit + 2, args[2]); ++at) {
            const u32 high = words.of[at % 2 * 2] >> 5, low = words.of[at % 2 * 2 + 1] >> 6;
            result[at] = ((double)high * 67108864.0 + (double)low) * 0x1p-53;
        }
    }
}
template <class K> __device__ void random_normal(const i64 *args, i64 total) {
    typename K::type *result = (typename K::type *)args[1];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        const Words words = philox((const u32 *)args[0], (u64)unit);
        for (int pair = 0; pair < 2; ++pair) {
            const double first = (double)words.of[2 * pair] + 1.0;
            const double radius = sqrt(-2.0 * log(first * 0x1p-32));
            const double angle = (double)words.of[2 * pair + 1] * 1.4629180792671596e-09;
            const i64 at = 4 * unit + 2 * pair;
            if (at < args[2]) result[at] = K::rounded(radius * cos(angle));
            if (at + 1 < args[2]) result[at + 1] = K::rounded(radius * sin(angle));
        }
    }
}

// Windows of images side by side, for products, and their sum back in place.
// args: image [images, size…, groups * width], columns
// [groups, images, count…, kernel…, width], images, groups, width, then for three axes
// each: size, count, kernel, padding in front, strides, dilation

enum { SIZE = 5, COUNT = 8, KERNEL = 11, LOW = 14, STRIDE = 17, DILATION = 20 };

template <class N> __device__ N split(N &rest, i64 size) {
    const N part = rest % (N)size;
    rest /= (N)size;
    return part;
}
template <class T, class N> __device__ void unfold_by(const i64 *args, N total) {
    for (N unit = (N)first_unit(); unit < total; unit += (N)all_units()) {
        N rest = unit, tap[3], out[3];
        const N inner = split(rest, args[4]);
        for (int axis = 2; axis >= 0; --axis) tap[axis] = split(rest, args[KERNEL + axis]);
        for (int axis = 2; axis >= 0; --axis) out[axis] = split(rest, args[COUNT + axis]);
        i64 at = (i64)split(rest, args[2]);
        bool inside = true;
        for (int axis = 0; axis < 3; ++axis) {
            const i64 place = (i64)out[axis] * args[STRIDE + axis]
                + (i64)tap[axis] * args[DILATION + axis] - args[LOW + axis];
            inside = inside && place >= 0 && place < args[SIZE + axis];
            at = at * args[SIZE + axis] + place;
        }
        const i64 from = (at * args[3] + (i64)rest) * args[4] + (i64)inner;
        ((T *)args[1])[unit] = inside ? ((const T *)args[0])[from] : (T)0;
    }
}
template <class T> __device__ void unfold(const i64 *args, i64 total) {
    // Whole numbers of 32 bits are divided several times faster.
    if (total < 0x40000000) unfold_by<T, u32>(args, (u32)total);
    else unfold_by<T, u64>(args, (u64)total);
}

// Where a tap of a window lies among the places of all images; negative for padding.
__device__ inline i64 seen(const i64 *args, i64 image, const i64 *window, i64 tap) {
    i64 turn[3];
    for (int axis = 2; axis >= 0; --axis) turn[axis] = split(tap, args[KERNEL + axis]);
    for (int axis = 0; axis < 3; ++axis) {
        const i64 place = window[axis] * args[STRIDE + axis]
            + turn[axis] * args[DILATION + axis] - args[LOW + axis];
        if (place < 0 || place >= args[SIZE + axis]) return -1;
        image = image * args[SIZE + axis] + place;
    }
    return image;
}
// Which of all windows has a place as a tap; negative if there is none.
__device__ inline i64 served(const i64 *args, i64 image, const i64 *place, i64 tap) {
    i64 turn[3];
    for (int axis = 2; axis >= 0; --axis) turn[axis] = split(tap, args[KERNEL + axis]);
    for (int axis = 0; axis < 3; ++axis) {
        const i64 from = place[axis] + args[LOW + axis] - turn[axis] * args[DILATION + axis];
        if (from < 0 || from % args[STRIDE + axis] != 0) return -1;
        const i64 window = from / args[STRIDE + axis];
        if (window >= args[COUNT + axis]) return -1;
        image = image * args[COUNT + axis] + window;
    }
    return image;
}
__device__ inline i64 taps_of(const i64 *args) {
    return args[KERNEL] * args[KERNEL + 1] * args[KERNEL + 2];
}

template <class K> __device__ void fold(const i64 *args, i64 total) {
    const typename K::type *columns = (const typename K::type *)args[1];
    const i64 taps = taps_of(args);
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 rest = unit, place[3];
        const i64 inner = split(rest, args[4]), group = split(rest, args[3]);
        for (int axis = 2; axis >= 0; --axis) place[axis] = split(rest, args[SIZE + axis]);
        typename K::sum sum = 0;
        for (i64 tap = 0; tap < taps; ++tap) {
            const i64 at = served(args, group * args[2] + rest, place, tap);
            if (at >= 0) sum += K::value(columns[(at * taps + tap) * args[4] + inner]);
        }
        ((typename K::type *)args[0])[unit] = K::rounded(sum);
    }
}

// Pooling: folds of windows channel by channel, with one group. What picks or puts has
// the numbers of taps as its last word.

enum { INDEX = 23 };

template <class Fold> __device__ void each_window(const i64 *args, i64 total) {
    Fold fold;
    const typename Fold::type *source = (const typename Fold::type *)args[0];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 rest = unit, window[3];
        const i64 inner = split(rest, args[4]);
        for (int axis = 2; axis >= 0; --axis) window[axis] = split(rest, args[COUNT + axis]);
        fold.begin(args, unit);
        for (i64 tap = 0; tap < taps_of(args); ++tap) {
            const i64 at = seen(args, rest, window, tap);
            if (at >= 0) fold.take(tap, Fold::kind::value(source[at * args[4] + inner]));
        }
        fold.end(args, unit);
    }
}
template <class K> struct WindowSum {
    typedef K kind;
    typedef typename K::type type;
    typename K::sum sum;
    __device__ void begin(const i64 *args, i64 unit) { sum = 0; }
    __device__ void take(i64 tap, typename K::sum x) { sum += x; }
    __device__ void end(const i64 *args, i64 unit) {
        ((type *)args[1])[unit] = K::rounded(sum);
    }
};
template <class K> struct WindowMax : WindowSum<K> {
    __device__ void begin(const i64 *args, i64 unit) { this->sum = -float_of(0x7F800000u); }
    __device__ void take(i64 tap, typename K::sum x) { this->sum = larger(this->sum, x); }
};
template <class K> struct WindowPick : WindowSum<K> {
    int wanted;
    __device__ void begin(const i64 *args, i64 unit) {
        this->sum = 0, wanted = ((const int *)args[INDEX])[unit];
    }
    __device__ void take(i64 tap, typename K::sum x) { if (tap == wanted) this->sum = x; }
};
// The first of the largest; NaN is larger than all.
template <class K> struct WindowArgmax : WindowSum<K> {
    int found;
    __device__ void begin(const i64 *args, i64 unit) { found = -1; }
    __device__ void take(i64 tap, typename K::sum x) {
        const typename K::sum best = this->sum;
        if (found >= 0 && !(x > best) && !(x != x && best == best)) return;
        found = (int)tap, this->sum = x;
    }
    __device__ void end(const i64 *args, i64 unit) { ((int *)args[1])[unit] = found; }
};
template <class K> __device__ void window_sum(const i64 *args, i64 total) {
    each_window<WindowSum<K> >(args, total);
}
template <class K> __device__ void window_max(const i64 *args, i64 total) {
    each_window<WindowMax<K> >(args, total);
}
template <class K> __device__ void window_pick(const i64 *args, i64 total) {
    each_window<WindowPick<K> >(args, total);
}
template <class K> __device__ void window_argmax(const i64 *args, i64 total) {
    each_window<WindowArgmax<K> >(args, total);
}

// What is added up at a place: the numbers of the windows that it is a tap of, or only
// of those whose index names it.
template <class K> __device__ void spread(const i64 *args, i64 total, const int *index) {
    const typename K::type *source = (const typename K::type *)args[1];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 rest = unit, place[3];
        const i64 inner = split(rest, args[4]);
        for (int axis = 2; axis >= 0; --axis) place[axis] = split(rest, args[SIZE + axis]);
        typename K::sum sum = 0;
        for (i64 tap = 0; tap < taps_of(args); ++tap) {
            const i64 window = served(args, rest, place, tap);
            if (window < 0) continue;
            const i64 at = window * args[4] + inner;
            if (!index || index[at] == tap) sum += K::value(source[at]);
        }
        ((typename K::type *)args[0])[unit] = K::rounded(sum);
    }
}
template <class K> __device__ void window_spread(const i64 *args, i64 total) {
    spread<K>(args, total, 0);
}
template <class K> __device__ void window_put(const i64 *args, i64 total) {
    spread<K>(args, total, (const int *)args[INDEX]);
}

// Convolution channel by channel: each has some filters of its own. After the windows
// over images [images, size…, channels] come the kernel [kernel…, filters], or partial
// sums, and the number of filters of a channel.

enum { FACTORS = 23, TIMES = 24, CHUNK = 25 };

template <class K> __device__ void channel_forward(const i64 *args, i64 total) {
    const typename K::type *image = (const typename K::type *)args[0];
    const typename K::type *factors = (const typename K::type *)args[FACTORS];
    const i64 filters = args[4] * args[TIMES];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 rest = unit, window[3];
        const i64 filter = split(rest, filters), channel = filter / args[TIMES];
        for (int axis = 2; axis >= 0; --axis) window[axis] = split(rest, args[COUNT + axis]);
        typename K::sum sum = 0;
        for (i64 tap = 0; tap < taps_of(args); ++tap) {
            const i64 at = seen(args, rest, window, tap);
            if (at >= 0)
                sum += K::value(image[at * args[4] + channel])
                    * K::value(factors[tap * filters + filter]);
        }
        ((typename K::type *)args[1])[unit] = K::rounded(sum);
    }
}
template <class K> __device__ void channel_input(const i64 *args, i64 total) {
    const typename K::type *given = (const typename K::type *)args[1];
    const typename K::type *factors = (const typename K::type *)args[FACTORS];
    const i64 filters = args[4] * args[TIMES];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 rest = unit, place[3];
        const i64 first = split(rest, args[4]) * args[TIMES];
        for (int axis = 2; axis >= 0; --axis) place[axis] = split(rest, args[SIZE + axis]);
        typename K::sum sum = 0;
        for (i64 tap = 0; tap < taps_of(args); ++tap) {
            const i64 window = served(args, rest, place, tap);
            if (window < 0) continue;
            for (i64 filter = first; filter < first + args[TIMES]; ++filter)
                sum += K::value(given[window * filters + filter])
                    * K::value(factors[tap * filters + filter]);
        }
        ((typename K::type *)args[0])[unit] = K::rounded(sum);
    }
}
// Sums over the windows of a chunk, for each chunk, tap and filter.
template <class K> __device__ void channel_kernel(const i64 *args, i64 total) {
    const typename K::type *image = (const typename K::type *)args[0];
    const typename K::type *given = (const typename K::type *)args[1];
    const i64 filters = args[4] * args[TIMES];
    const i64 rows = args[2] * args[COUNT] * args[COUNT + 1] * args[COUNT + 2];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        i64 chunk = unit;
        const i64 filter = split(chunk, filters), tap = split(chunk, taps_of(args));
        const i64 first = chunk * args[CHUNK], last = smaller(first + args[CHUNK], rows);
        typename K::sum sum = 0;
        for (i64 row = first; row < last; ++row) {
            i64 rest = row, window[3];
            for (int axis = 2; axis >= 0; --axis)
                window[axis] = split(rest, args[COUNT + axis]);
            const i64 at = seen(args, rest, window, tap);
            if (at >= 0)
                sum += K::value(image[at * args[4] + filter / args[TIMES]])
                    * K::value(given[row * filters + filter]);
        }
        ((typename K::sum *)args[FACTORS])[unit] = sum;
    }
}
// args: partial sums [chunks, count], result [count], chunks, count
template <class K> __device__ void channel_added(const i64 *args, i64 total) {
    const typename K::sum *parts = (const typename K::sum *)args[0];
    for (i64 unit = first_unit(); unit < total; unit += all_units()) {
        typename K::sum sum = 0;
        for (i64 chunk = 0; chunk < args[2]; ++chunk) sum += parts[chunk * args[3] + unit];
        ((typename K::type *)args[1])[unit] = K::rounded(sum);
    }
}
