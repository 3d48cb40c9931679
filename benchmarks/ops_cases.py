"""Calls of ops on values, one a line, as Keras's names, NumPy and PyTorch write them.

`k` are the ops of Keras or Tulle, `rng` their random draws; the letters are those of
`operands`. A line without NumPy or PyTorch has `-` there, and `N<` before a name keeps
it to sides below N. What follows a `#` is a group of calls.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

SIDES = (8, 256, 2048)  # of square matrices: 64, 65 thousand and 4 million elements
LINES = """
# elements
add                | k.add(a, b)                       | a + b                        | a + b
multiply a number  | k.multiply(a, 2.0)                | a * f32(2)                   | a * 2.0
a + b (operator)   | a + b                             | a + b                        | a + b
add a row          | k.add(a, r)                       | a + r                        | a + r
divide             | k.divide(a, b)                    | a / b                        | a / b
floor_divide ints  | k.floor_divide(n, 7)              | n // i32(7)                  | n // 7
mod                | k.mod(a, 0.7)                     | np.mod(a, f32(0.7))          | torch.remainder(a, 0.7)
power              | k.power(p, 1.5)                   | p ** f32(1.5)                | p ** 1.5
maximum            | k.maximum(a, b)                   | np.maximum(a, b)             | torch.maximum(a, b)
clip               | k.clip(a, -1.0, 1.0)              | np.clip(a, f32(-1), f32(1))  | torch.clip(a, -1.0, 1.0)
where              | k.where(m, a, b)                  | np.where(m, a, b)            | torch.where(m, a, b)
equal              | k.equal(n, o)                     | n == o                       | n == o
logical_and        | k.logical_and(m, l)               | m & l                        | m & l
isnan              | k.isnan(a)                        | np.isnan(a)                  | torch.isnan(a)
isclose            | k.isclose(a, b)                   | np.isclose(a, b)             | torch.isclose(a, b)
bitwise_xor        | k.bitwise_xor(n, o)               | n ^ o                        | n ^ o
abs                | k.abs(a)                          | np.abs(a)                    | torch.abs(a)
square             | k.square(a)                       | np.square(a)                 | torch.square(a)
sqrt               | k.sqrt(p)                         | np.sqrt(p)                   | torch.sqrt(p)
rsqrt              | k.rsqrt(p)                        | 1 / np.sqrt(p)               | torch.rsqrt(p)
exp                | k.exp(a)                          | np.exp(a)                    | torch.exp(a)
expm1              | k.expm1(a)                        | np.expm1(a)                  | torch.expm1(a)
log                | k.log(p)                          | np.log(p)                    | torch.log(p)
log1p              | k.log1p(p)                        | np.log1p(p)                  | torch.log1p(p)
sin                | k.sin(a)                          | np.sin(a)                    | torch.sin(a)
tan                | k.tan(a)                          | np.tan(a)                    | torch.tan(a)
arctan2            | k.arctan2(a, b)                   | np.arctan2(a, b)             | torch.arctan2(a, b)
arcsin             | k.arcsin(u)                       | np.arcsin(u)                 | torch.arcsin(u)
tanh               | k.tanh(a)                         | np.tanh(a)                   | torch.tanh(a)
sinh               | k.sinh(a)                         | np.sinh(a)                   | torch.sinh(a)
erf                | k.erf(a)                          | -                            | torch.erf(a)
erfinv             | k.erfinv(u)                       | -                            | torch.erfinv(u)
i0                 | k.i0(a)                           | np.i0(a)                     | torch.special.i0(a)
floor              | k.floor(a)                        | np.floor(a)                  | torch.floor(a)
round              | k.round(a)                        | np.round(a)                  | torch.round(a)
sign               | k.sign(a)                         | np.sign(a)                   | torch.sign(a)
logaddexp          | k.logaddexp(a, b)                 | np.logaddexp(a, b)           | torch.logaddexp(a, b)
hypot              | k.hypot(a, b)                     | np.hypot(a, b)               | torch.hypot(a, b)
nan_to_num         | k.nan_to_num(a)                   | np.nan_to_num(a)             | torch.nan_to_num(a)
heaviside          | k.heaviside(a, 0.5)               | np.heaviside(a, f32(0.5))    | -
gcd                | k.gcd(n, o)                       | np.gcd(n, o)                 | torch.gcd(n, o)
cast to int        | k.cast(a, "int32")                | a.astype("int32")            | a.to(torch.int32)
cast to half       | k.cast(a, "float16")              | a.astype("float16")          | a.to(torch.float16)
# activations and normalization
relu               | k.relu(a)                         | np.maximum(a, f32(0))        | nn.relu(a)
sigmoid            | k.sigmoid(a)                      | 1 / (1 + np.exp(-a))         | torch.sigmoid(a)
silu               | k.silu(a)                         | a / (1 + np.exp(-a))         | nn.silu(a)
gelu               | k.gelu(a)                         | -                            | nn.gelu(a, approximate="tanh")
softplus           | k.softplus(a)                     | np.logaddexp(a, f32(0))      | nn.softplus(a)
elu                | k.elu(a)                          | -                            | nn.elu(a)
leaky_relu         | k.leaky_relu(a)                   | np.where(a > 0, a, a * f32(0.2)) | nn.leaky_relu(a, 0.2)
hard_sigmoid       | k.hard_sigmoid(a)                 | np.clip(a / 6 + f32(0.5), 0, 1) | nn.hardsigmoid(a)
glu                | k.glu(a)                          | -                            | nn.glu(a)
softmax            | k.softmax(a)                      | -                            | torch.softmax(a, -1)
log_softmax        | k.log_softmax(a)                  | -                            | torch.log_softmax(a, -1)
softmax axis 0     | k.softmax(a, axis=0)              | -                            | torch.softmax(a, 0)
logsumexp          | k.logsumexp(a, axis=1)            | -                            | torch.logsumexp(a, 1)
normalize          | k.normalize(a)                    | a / np.linalg.norm(a, axis=-1, keepdims=True) | nn.normalize(a, dim=-1)
layer_normalization | k.layer_normalization(a, r, r)   | -                            | nn.layer_norm(a, r.shape, r, r)
rms_normalization  | k.rms_normalization(a, r)         | -                            | nn.rms_norm(a, r.shape, r)
batch_normalization | k.batch_normalization(a, r, s, 1) | -                           | nn.batch_norm(a, r, s)
# reductions
sum                | k.sum(a)                          | a.sum()                      | a.sum()
sum axis 0         | k.sum(a, axis=0)                  | a.sum(0)                     | a.sum(0)
sum axis 1         | k.sum(a, axis=1)                  | a.sum(1)                     | a.sum(1)
mean               | k.mean(a, axis=1)                 | a.mean(1)                    | a.mean(1)
max                | k.max(a, axis=1)                  | a.max(1)                     | a.amax(1)
max axis 0         | k.max(a, axis=0)                  | a.max(0)                     | a.amax(0)
prod               | k.prod(u, axis=1)                 | u.prod(1)                    | u.prod(1)
var                | k.var(a, axis=1)                  | a.var(1)                     | a.var(1, correction=0)
std                | k.std(a)                          | a.std()                      | a.std(correction=0)
moments            | k.moments(a, 1)                   | (a.mean(1), a.var(1))        | torch.var_mean(a, 1, correction=0)
all                | k.all(m, axis=1)                  | m.all(1)                     | m.all(1)
any                | k.any(m)                          | m.any()                      | m.any()
count_nonzero      | k.count_nonzero(a)                | np.count_nonzero(a)          | torch.count_nonzero(a)
argmax             | k.argmax(a, axis=1)               | a.argmax(1)                  | a.argmax(1)
argmin axis 0      | k.argmin(a, axis=0)               | a.argmin(0)                  | a.argmin(0)
norm               | k.norm(a)                         | np.linalg.norm(a)            | torch.linalg.norm(a)
nansum             | k.nansum(a, axis=1)               | np.nansum(a, 1)              | torch.nansum(a, 1)
nanmean            | k.nanmean(a, axis=1)              | np.nanmean(a, 1)             | torch.nanmean(a, 1)
average            | k.average(a, axis=1, weights=p)   | np.average(a, axis=1, weights=p) | -
# running sums, orders and sets
cumsum             | k.cumsum(a, axis=1)               | np.cumsum(a, 1)              | torch.cumsum(a, 1)
cumsum axis 0      | k.cumsum(a, axis=0)               | np.cumsum(a, 0)              | torch.cumsum(a, 0)
cumprod            | k.cumprod(u, axis=1)              | np.cumprod(u, 1)             | torch.cumprod(u, 1)
cumsum flat        | k.cumsum(v)                       | np.cumsum(v)                 | torch.cumsum(v, 0)
diff               | k.diff(a)                         | np.diff(a)                   | torch.diff(a)
trapezoid          | k.trapezoid(a)                    | np.trapezoid(a)              | torch.trapezoid(a)
sort               | k.sort(a)                         | np.sort(a)                   | torch.sort(a)
sort axis 0        | k.sort(a, axis=0)                 | np.sort(a, 0)                | torch.sort(a, 0)
sort flat          | k.sort(v)                         | np.sort(v)                   | torch.sort(v)
sort ints          | k.sort(n)                         | np.sort(n)                   | torch.sort(n)
argsort            | k.argsort(a)                      | np.argsort(a)                | torch.argsort(a)
argsort flat       | k.argsort(v)                      | np.argsort(v)                | torch.argsort(v)
argpartition       | k.argpartition(a, 3)              | np.argpartition(a, 3)        | -
top_k              | k.top_k(a, 5)                     | -                            | torch.topk(a, 5)
top_k flat         | k.top_k(v, 5)                     | -                            | torch.topk(v, 5)
in_top_k           | k.in_top_k(c, a, 5)               | -                            | -
median             | k.median(a)                       | np.median(a)                 | torch.median(a)
median axis 1      | k.median(a, axis=1)               | np.median(a, 1)              | torch.median(a, 1)
quantile           | k.quantile(a, 0.3, axis=1)        | np.quantile(a, 0.3, axis=1)  | torch.quantile(a, 0.3, dim=1)
unique             | k.unique(v_ints)                  | np.unique(v_ints)            | torch.unique(v_ints)
searchsorted       | k.searchsorted(rising, v)         | np.searchsorted(rising, v)   | torch.searchsorted(rising, v)
digitize           | k.digitize(v, few)                | np.digitize(v, few)          | torch.bucketize(v, few)
histogram          | k.histogram(v, 50)                | np.histogram(v, 50)          | torch.histogram(v, 50)
bincount           | k.bincount(v_ints)                | np.bincount(v_ints)          | torch.bincount(v_ints)
bincount weights   | k.bincount(v_ints, weights=v)     | np.bincount(v_ints, v)       | torch.bincount(v_ints, v)
isin               | k.isin(n, c)                      | np.isin(n, c)                | torch.isin(n, c)
nonzero            | k.nonzero(m)                      | np.nonzero(m)                | torch.nonzero(m)
# places and movements
one_hot            | k.one_hot(c, 100)                 | eye[c]                       | nn.one_hot(c_long, 100)
multi_hot          | k.multi_hot(n8, 100)              | -                            | -
take rows          | k.take(a, c, axis=0)              | np.take(a, c, 0)             | a[c_long]
take columns       | k.take(a, c, axis=1)              | np.take(a, c, 1)             | a[:, c_long]
take flat          | k.take(v, v_at)                   | np.take(v, v_at)             | v[v_at_long]
take_along_axis    | k.take_along_axis(a, at, 1)       | np.take_along_axis(a, at, 1) | torch.gather(a, 1, at_long)
a[c]               | a[c]                              | a[c]                         | a[c_long]
a[1:-1, ::2]       | a[1:-1, ::2]                      | a[1:-1, ::2].copy()          | a[1:-1, ::2].clone()
a[0]               | a[0]                              | a[0]                         | a[0]
slice              | k.slice(a, (1, 1), (4, 4))        | a[1:5, 1:5]                  | a[1:5, 1:5]
slice_update       | k.slice_update(a, (1, 1), tile4)  | -                            | -
scatter            | k.scatter(at_rows, a, a.shape)    | -                            | -
scatter_update     | k.scatter_update(a, at_rows, a)   | -                            | -
segment_sum        | k.segment_sum(a, c, rows)         | segments(a, c, rows)         | zeros.index_add(0, c_long, a)
segment_sum sorted | k.segment_sum(a, c_sorted, rows, sorted=True) | segments(a, c_sorted, rows) | zeros.index_add(0, c_sorted_long, a)
segment_sum flat   | k.segment_sum(v, v_ints, 100)     | np.bincount(v_ints, v, 100)  | hundred.index_add(0, v_ints_long, v)
segment_max        | k.segment_max(a, c, rows)         | -                            | zeros.index_reduce(0, c_long, a, "amax")
reshape            | k.reshape(a, (-1,))               | a.reshape(-1)                | a.reshape(-1)
transpose          | k.transpose(a)                    | a.T.copy()                   | a.T.contiguous()
transpose 3        | k.transpose(t, (0, 2, 1))         | t.transpose(0, 2, 1).copy()  | t.permute(0, 2, 1).contiguous()
concatenate        | k.concatenate([a, b])             | np.concatenate([a, b])       | torch.cat([a, b])
concatenate axis 1 | k.concatenate([a, b], 1)          | np.concatenate([a, b], 1)    | torch.cat([a, b], 1)
stack              | k.stack([a, b])                   | np.stack([a, b])             | torch.stack([a, b])
split              | k.split(a, 4)                     | np.split(a, 4)               | torch.chunk(a, 4)
split axis 1       | k.split(a, 4, 1)                  | np.split(a, 4, 1)            | torch.chunk(a, 4, 1)
unstack            | k.unstack(rows8)                  | list(rows8)                  | torch.unbind(rows8)
expand_dims        | k.expand_dims(a, 0)               | np.expand_dims(a, 0)         | a.unsqueeze(0)
squeeze            | k.squeeze(one)                    | np.squeeze(one)              | one.squeeze()
flip               | k.flip(a, 1)                      | np.flip(a, 1).copy()         | torch.flip(a, (1,))
roll               | k.roll(a, 3, 1)                   | np.roll(a, 3, 1)             | torch.roll(a, 3, 1)
rot90              | k.rot90(a)                        | np.rot90(a).copy()           | torch.rot90(a)
tile               | k.tile(a, (2, 1))                 | np.tile(a, (2, 1))           | a.tile(2, 1)
repeat             | k.repeat(a, 2, 1)                 | np.repeat(a, 2, 1)           | a.repeat_interleave(2, 1)
pad                | k.pad(a, 2)                       | np.pad(a, 2)                 | nn.pad(a, (2, 2, 2, 2))
broadcast_to       | k.broadcast_to(r, a.shape)        | np.broadcast_to(r, a.shape)  | r.broadcast_to(a.shape)
tril               | k.tril(a)                         | np.tril(a)                   | torch.tril(a)
diagonal           | k.diagonal(a)                     | np.diagonal(a)               | torch.diagonal(a)
diag               | k.diag(r)                         | np.diag(r)                   | torch.diag(r)
trace              | k.trace(a)                        | np.trace(a)                  | torch.trace(a)
meshgrid           | k.meshgrid(r, s)                  | np.meshgrid(r, s)            | torch.meshgrid(r, s, indexing="xy")
unfold             | k.extract_sequences(v, 16, 8)     | -                            | v.unfold(0, 16, 8)
# new tensors
zeros              | k.zeros(shape)                    | np.zeros(shape, "float32")   | torch.zeros(shape)
ones_like          | k.ones_like(a)                    | np.ones_like(a)              | torch.ones_like(a)
full               | k.full(shape, 2.0)                | np.full(shape, f32(2))       | torch.full(shape, 2.0)
arange             | k.arange(count)                   | np.arange(count, dtype="int32") | torch.arange(count)
linspace           | k.linspace(0.0, 1.0, count)       | np.linspace(0, 1, count, dtype="float32") | torch.linspace(0.0, 1.0, count)
eye                | k.eye(rows)                       | np.eye(rows, dtype="float32") | torch.eye(rows)
# products
matmul             | k.matmul(a, b)                    | a @ b                        | a @ b
matmul vector      | k.matmul(a, r)                    | a @ r                        | a @ r
batched matmul     | k.matmul(t, t)                    | t @ t                        | t @ t
dot                | k.dot(v, v)                       | v @ v                        | v @ v
outer              | k.outer(r, s)                     | np.outer(r, s)               | torch.outer(r, s)
einsum bij,bjk     | k.einsum("bij,bjk->bik", t, t)    | np.einsum("bij,bjk->bik", t, t, optimize=True) | torch.einsum("bij,bjk->bik", t, t)
einsum ij,ij->i    | k.einsum("ij,ij->i", a, b)        | np.einsum("ij,ij->i", a, b)  | torch.einsum("ij,ij->i", a, b)
tensordot          | k.tensordot(a, b, 1)              | np.tensordot(a, b, 1)        | torch.tensordot(a, b, 1)
kron               | k.kron(eight, eight)              | np.kron(eight, eight)        | torch.kron(eight, eight)
cross              | k.cross(three, three)             | np.cross(three, three)       | torch.cross(three, three, -1)
cdist              | k.cdist(a, b)                     | -                            | torch.cdist(a, b)
# factors of matrices
300<det            | k.det(spd)                        | np.linalg.det(spd)           | torch.linalg.det(spd)
300<inv            | k.inv(spd)                        | np.linalg.inv(spd)           | torch.linalg.inv(spd)
300<solve          | k.solve(spd, a)                   | np.linalg.solve(spd, a)      | torch.linalg.solve(spd, a)
300<cholesky       | k.cholesky(spd)                   | np.linalg.cholesky(spd)      | torch.linalg.cholesky(spd)
300<qr             | k.qr(a)                           | np.linalg.qr(a)              | torch.linalg.qr(a)
300<eigh           | k.eigh(spd)                       | np.linalg.eigh(spd)          | torch.linalg.eigh(spd)
300<svd            | k.svd(a)                          | np.linalg.svd(a)             | torch.linalg.svd(a)
300<solve_triangular | k.solve_triangular(low, a, lower=True) | -                     | torch.linalg.solve_triangular(low, a, upper=False)
300<lstsq          | k.lstsq(spd, a)                   | np.linalg.lstsq(spd, a)      | torch.linalg.lstsq(spd, a)
300<pinv           | k.pinv(a)                         | np.linalg.pinv(a)            | torch.linalg.pinv(a)
# Fourier sums
fft                | k.fft((a, b))                     | np.fft.fft(ab)               | torch.fft.fft(ab)
fft2               | k.fft2((a, b))                    | np.fft.fft2(ab)              | torch.fft.fft2(ab)
rfft               | k.rfft(a)                         | np.fft.rfft(a)               | torch.fft.rfft(a)
irfft              | k.irfft((a, b))                   | np.fft.irfft(ab)             | torch.fft.irfft(ab)
stft               | k.stft(wave, 64, 16, 64)          | -                            | -
convolve           | k.correlate(r, eleven)            | np.correlate(r, eleven)      | -
# windows, images and losses
conv               | k.conv(pictures, kernel, 1, "same") | -                          | nn.conv2d(pictures_first, kernel_first, padding="same")
depthwise_conv     | k.depthwise_conv(pictures, kernel_deep, 1, "same") | -           | nn.conv2d(pictures_first, kernel_deep_first, padding="same", groups=16)
max_pool           | k.max_pool(pictures, (2, 2))      | -                            | nn.max_pool2d(pictures_first, 2)
average_pool       | k.average_pool(pictures, (2, 2))      | -                            | nn.avg_pool2d(pictures_first, 2)
resize             | k.image.resize(pictures, (24, 24)) | -                           | nn.interpolate(pictures_first, (24, 24), mode="bilinear")
rgb_to_grayscale   | k.image.rgb_to_grayscale(colours) | -                            | -
rgb_to_hsv         | k.image.rgb_to_hsv(colours)       | -                            | -
affine_transform   | k.image.affine_transform(colours, moves) | -                     | -
gaussian_blur      | k.image.gaussian_blur(colours)    | -                            | -
depth_to_space     | k.nn.depth_to_space(pictures, 2)  | -                            | nn.pixel_shuffle(pictures_first, 2)
dot_product_attention | k.dot_product_attention(heads, heads, heads) | -              | nn.scaled_dot_product_attention(heads_first, heads_first, heads_first)
sparse crossentropy | k.sparse_categorical_crossentropy(c, a, from_logits=True) | -   | nn.cross_entropy(a, c_long, reduction="none")
binary crossentropy | k.binary_crossentropy(u, u)      | -                            | nn.binary_cross_entropy(u, u, reduction="none")
# random numbers
random uniform     | rng.uniform(shape, seed=seed)     | draws.random(shape, "float32") | torch.rand(shape)
random normal      | rng.normal(shape, seed=seed)      | draws.standard_normal(shape, "float32") | torch.randn(shape)
randint            | rng.randint(shape, 0, 100, seed=seed) | draws.integers(0, 100, shape, "int32") | torch.randint(0, 100, shape)
bernoulli          | rng.bernoulli(shape, 0.3, seed=seed) | -                         | torch.empty(shape).bernoulli_(0.3)
truncated_normal   | rng.truncated_normal(shape, seed=seed) | -                       | -
categorical        | rng.categorical(a, 4, seed=seed)  | -                            | torch.multinomial(p, 4, replacement=True)
shuffle            | rng.shuffle(v, seed=seed)         | draws.permutation(v)         | v[torch.randperm(len(v))]
shuffle rows       | rng.shuffle(a, seed=seed)         | draws.permutation(a)         | a[torch.randperm(rows)]
dropout            | rng.dropout(a, 0.3, seed=seed)    | -                            | nn.dropout(a, 0.3)
""".strip().splitlines()  # noqa: E501 - a table
SYSTEMS = ("tulle", "keras", "numpy", "torch")


def named(line: str, side: int) -> str | None:
    """The name that a line has with matrices of a side; None if it leaves it out."""
    bound, _, name = line.split("|")[0].strip().rpartition("<")
    return None if bound and side >= int(bound) else name


def groups() -> dict[str, list[str]]:
    """The names of the calls of each group, as they are with small matrices."""
    found: dict[str, list[str]] = {}
    for line in LINES:
        if line.startswith("#"):
            names = found.setdefault(line[1:].strip(), [])
        else:
            names.append(named(line, 0) or "")
    return found


def expressions(system: str, side: int) -> dict[str, str]:
    """What a system computes, by name."""
    column = 1 if system == "tulle" else SYSTEMS.index(system)
    found = {}
    for line in LINES:
        if line.startswith("#"):
            continue
        name, text = named(line, side), line.split(" | ")[column].strip()
        if name is not None and text != "-":
            found[name] = text
    return found


def operands(side: int) -> dict[str, np.ndarray]:
    """Arrays by their letters; `_long` and `_first` are PyTorch's forms of some."""
    random = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape, np.float32)

    def whole(most: int, *shape: int) -> np.ndarray:
        return random.integers(0, most, shape, np.int32)

    a, square = normal(side, side), normal(min(side, 256), min(side, 256))
    count = side * side
    images = max(1, count >> 14)
    found = {
        "a": a,
        "b": normal(side, side),
        "p": np.abs(a) + np.float32(0.1),
        "u": random.uniform(0.01, 0.99, (side, side)).astype("float32"),
        "r": normal(side),
        "s": np.abs(normal(side)) + np.float32(0.5),
        "v": normal(count),
        "n": whole(1000, side, side) + 1,
        "o": whole(1000, side, side) + 1,
        "m": a > 0,
        "l": a > 0.5,
        "c": whole(side, side),
        "n8": whole(100, side, 8),
        "at": whole(side, side, side),
        "at_rows": random.permutation(side).astype("int32")[:, None],
        "v_at": whole(count, count),
        "v_ints": whole(100, count),
        "rising": np.sort(normal(1000)),
        "few": np.linspace(-2, 2, 11, dtype="float32"),
        "eye": np.eye(max(100, side), 100, dtype="float32"),
        "zeros": np.zeros((side, side), "float32"),
        "hundred": np.zeros(100, "float32"),
        "tile4": normal(4, 4),
        "t": normal(max(1, count // 1024), min(32, side), min(32, side)),
        "rows8": normal(8, count // 8),
        "one": a[None],
        "eight": normal(min(side, 64), min(side, 64)),
        "three": normal(count // 3, 3),
        "spd": square @ square.T + np.eye(len(square), dtype="float32"),
        "wave": normal(max(count, 256)),
        "eleven": normal(5),
        "pictures": normal(images, 16, 16, 16),
        "kernel": normal(3, 3, 16, 16),
        "kernel_deep": normal(3, 3, 16, 1),
        "colours": random.uniform(0, 1, (images, 32, 32, 3)).astype("float32"),
        "moves": np.array([1, 0.1, 2, 0, 1, 1, 0, 0], "float32"),
        "heads": normal(max(1, images // 4), min(side, 128), 4, 32),
    }
    found["low"] = np.tril(found["spd"])
    found["c_sorted"] = np.sort(found["c"])
    return found


def torch_operands(arrays: dict[str, np.ndarray], torch: Any) -> dict[str, Any]:
    """The arrays as tensors, with the types of indices and the axes that it wants."""
    found = {name: torch.from_numpy(array) for name, array in arrays.items()}
    for name in ("c", "c_sorted", "at", "v_at", "v_ints"):
        found[f"{name}_long"] = found[name].long()
    found["pictures_first"] = found["pictures"].permute(0, 3, 1, 2).contiguous()
    found["kernel_first"] = found["kernel"].permute(3, 2, 0, 1).contiguous()
    found["kernel_deep_first"] = found["kernel_deep"].permute(2, 3, 0, 1).contiguous()
    found["heads_first"] = found["heads"].transpose(1, 2).contiguous()
    return found


def segments(values: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    """The sums of rows by their numbers, as one writes it with NumPy."""
    found = np.zeros((count, *values.shape[1:]), values.dtype)
    np.add.at(found, ids, values)
    return found


def calls_of(system: str, side: int) -> tuple[dict[str, Callable[[], Any]], Any]:
    """The calls of a system by name, and what waits for a result."""
    arrays = operands(side)
    known: dict[str, Any] = {"rows": side, "shape": (side, side), "count": side * side}

    def done(result: Any) -> Any:
        return result

    if system == "numpy":
        known |= {"np": np, "f32": np.float32, "i32": np.int32, "segments": segments}
        known |= {"draws": np.random.default_rng(0), **arrays}
        known["ab"] = arrays["a"] + np.complex64(1j) * arrays["b"]
    elif system == "torch":
        import torch

        known |= {"torch": torch, "nn": torch.nn.functional}
        known |= torch_operands(arrays, torch)
        known["ab"] = torch.complex(known["a"], known["b"])
    elif system == "keras":
        import jax
        import keras

        done = jax.block_until_ready
        known |= {"k": keras.ops, "rng": keras.random}
        known["seed"] = keras.random.SeedGenerator(0)
    else:
        import tulle

        known |= {"k": tulle.ops, "rng": tulle.random}
        known["seed"] = tulle.random.SeedGenerator(0)
    if system in ("tulle", "keras"):
        tensor = known["k"].convert_to_tensor
        known |= {name: tensor(array) for name, array in arrays.items()}
    texts = expressions(system, side).items()
    return {name: eval(f"lambda: {text}", known) for name, text in texts}, done
