"""What other libraries call what is here: NumPy's newer names, PyTorch, TensorFlow.

`nearest` looks here before it counts slips, so that `unsqueeze` is not taken for a
misspelt `squeeze`. A name with several meanings has the first that is known there.
"""

from __future__ import annotations

from collections.abc import Mapping


def _table(text: str) -> Mapping[str, tuple[str, ...]]:
    rows = (line.split() for line in text.strip().split("\n"))
    return {name: tuple(meanings) for name, *meanings in rows}


SYNONYMS = _table("""
    acos arccos
    acosh arccosh
    adaptiveavgpool2d GlobalAveragePooling2D AdaptiveAveragePooling2D
    amax max
    amin min
    argwhere nonzero
    asarray convert_to_tensor array
    asin arcsin
    asinh arcsinh
    astype cast
    atan arctan
    atan2 arctan2
    atanh arctanh
    avgpool1d AveragePooling1D
    avgpool2d AveragePooling2D
    batchnorm BatchNormalization
    batchnorm1d BatchNormalization
    batchnorm2d BatchNormalization
    bceloss BinaryCrossentropy
    bcewithlogitsloss BinaryCrossentropy
    bias use_bias
    bmm matmul
    cat concatenate
    clamp clip
    column_stack hstack
    concat concatenate
    convtranspose1d Conv1DTranspose
    convtranspose2d Conv2DTranspose
    cross_entropy sparse_categorical_crossentropy
    crossentropyloss SparseCategoricalCrossentropy
    degrees rad2deg
    dim axis ndim
    div divide
    dropout2d SpatialDropout2D
    embedding_dim output_dim
    eq equal
    fix trunc
    flatten ravel Flatten
    float_power power
    fully_connected Dense
    gather take take_along_axis
    ge greater_equal
    groupnorm GroupNormalization
    gt greater
    hidden_size units
    index_select take
    invert logical_not
    layernorm LayerNormalization
    le less_equal
    linear Dense linear
    lt less
    masked_fill where
    matrix_transpose transpose
    maxpool1d MaxPooling1D
    maxpool2d MaxPooling2D
    mm matmul
    mseloss MeanSquaredError
    mul multiply
    ne not_equal
    neg negative
    num_embeddings input_dim
    numel size
    out_channels filters
    out_features units
    p rate
    permute transpose
    permute_dims transpose
    pow power
    radians deg2rad
    reduce_max max
    reduce_mean mean
    reduce_min min
    reduce_prod prod
    reduce_sum sum
    remainder mod
    rint round
    row_stack vstack
    sub subtract
    unsqueeze expand_dims
    upsample UpSampling2D
    view reshape
""")
