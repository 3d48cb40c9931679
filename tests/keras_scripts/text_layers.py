"""Text by `TextVectorization` and `StringLookup`, before a model and in a data set."""

import numpy as np

import tulle as keras
from tulle import layers

adapt_data = np.array(
    [
        "The Brain is wider than the Sky",
        "For put them side by side",
        "The one the other will contain",
        "With ease and You beside",
    ]
)
text_vectorizer = layers.TextVectorization(output_mode="int")
text_vectorizer.adapt(adapt_data)
assert text_vectorizer.get_vocabulary()[:4] == ["", "[UNK]", "the", "side"]
found = np.asarray(text_vectorizer(["The Brain is deeper than the sea"]))
assert found.shape == (1, 7)
assert found[0, [0, 3, 5]].tolist() == [2, 1, 2]

inputs = keras.Input(shape=(None,), dtype="int64")
x = layers.Embedding(text_vectorizer.vocabulary_size(), 16)(inputs)
x = layers.GRU(8)(x)
model = keras.Model(inputs, layers.Dense(1)(x))
model.compile(optimizer="rmsprop", loss="mse")
train_dataset = keras.data.Dataset.from_tensor_slices(
    (["The Brain is deeper than the sea", "for if they are held Blue to Blue"], [1, 0])
)
train_dataset = train_dataset.batch(2).map(lambda x, y: (text_vectorizer(x), y))
model.fit(train_dataset, epochs=2, verbose=0)
for ids, labels in train_dataset:
    assert ids.numpy().shape == (2, 8)
    assert labels.numpy().tolist() == [1, 0]

bigrams = layers.TextVectorization(output_mode="multi_hot", ngrams=2)
bigrams.adapt(adapt_data)
found = np.asarray(bigrams(["The Brain is deeper than the sea"]))
assert found.shape == (1, bigrams.vocabulary_size())
assert found.sum() == 8  # seven known and the place of all others
lookup = layers.StringLookup(output_mode="one_hot")
lookup.adapt(np.array([["a"], ["b"], ["c"], ["b"], ["c"], ["a"]]))
encoded = np.asarray(lookup(np.array([["a"], ["b"], ["c"], ["d"], [""]])))
assert encoded.argmax(axis=-1).tolist() == [3, 2, 1, 0, 0]
