"""Layers on text, with the numbers that Keras gives."""

import numpy as np
import pytest

import tulle
from tulle.graph.diagnostics import TensorTypeError
from tulle.layers import Dense, Embedding, StringLookup, TextVectorization

TEXTS = ["The cat sat.", "the CAT; a dog", "a dog a day"]


def values(found):
    return np.asarray(found).tolist()


def test_words_are_learned_by_how_often_they_come():
    layer = TextVectorization()
    layer.adapt(TEXTS)
    words = ["", "[UNK]", "a", "the", "dog", "cat", "sat", "day"]
    assert layer.get_vocabulary() == words
    assert layer.vocabulary_size() == 8
    assert values(layer(["a bird sat", "dog"])) == [[2, 1, 6], [4, 0, 0]]
    assert values(layer("The day")) == [3, 7]
    assert values(layer(np.array([["cat"], [b"dog a"]], object))) == [[5, 0], [4, 2]]


@pytest.mark.parametrize(
    ("options", "text", "found"),
    [
        ({"output_sequence_length": 2}, "a the dog", [2, 3]),
        ({"output_sequence_length": 4}, "a the", [2, 3, 0, 0]),
        ({"max_tokens": 4}, "a the dog", [2, 3, 1]),
        ({"standardize": "lower"}, "The sat.", [3, 5]),
        ({"standardize": None}, "the THE", [4, 1]),
        ({"standardize": str.upper}, "The", [3]),
        ({"split": "character", "standardize": "lower"}, "t a", [4, 2, 3]),
        ({"split": lambda text: text.split("a")}, "the ca", [2, 0]),
        ({"split": None}, "a dog a day", 4),
        ({"output_mode": "multi_hot"}, "a bird a", [1, 1, 0, 0, 0, 0, 0]),
        ({"output_mode": "count"}, "a bird a", [1, 2, 0, 0, 0, 0, 0]),
        ({"ngrams": 2, "max_tokens": 5}, "a dog", [2, 1, 1]),
        (
            {"output_mode": "count", "max_tokens": 9, "pad_to_max_tokens": True},
            "the the",
            [0, 0, 2, 0, 0, 0, 0, 0, 0],
        ),
    ],
)
def test_what_becomes_of_a_text(options, text, found):
    layer = TextVectorization(**options)
    layer.adapt(TEXTS)
    assert values(layer(text)) == found


@pytest.mark.parametrize("mode", ["int", "multi_hot", "count", "tf_idf"])
def test_only_weights_are_floats(mode):
    layer = TextVectorization(output_mode=mode)
    layer.adapt(TEXTS)
    assert layer(TEXTS).numpy().dtype.kind == ("f" if mode == "tf_idf" else "i")


def test_weights_of_words():
    layer = TextVectorization(output_mode="tf_idf")
    layer.adapt(TEXTS)
    twice, once = np.log(1 + 3 / 3), np.log(1 + 3 / 2)
    mean = (4 * twice + 2 * once) / 6
    found = values(layer(["a a sat bird"]))[0]
    np.testing.assert_allclose(found, [mean, 2 * twice, 0, 0, 0, once, 0], rtol=1e-6)


def test_strings_have_places():
    layer = StringLookup(vocabulary=["a", "b"], mask_token="")
    assert values(layer([["b", "z"], ["", "a"]])) == [[3, 1], [0, 2]]
    back = StringLookup(vocabulary=["a", "b"], mask_token="", invert=True)
    assert values(back(layer(["b", "z", ""]))) == ["b", "[UNK]", ""]
    layer = StringLookup(output_mode="one_hot")
    layer.adapt(np.array([["x"], ["y"], ["y"]]))
    assert values(layer(np.array([["y"], ["q"]]))) == [[0, 1, 0], [1, 0, 0]]
    layer = StringLookup(vocabulary=["a"], num_oov_indices=0)
    assert values(layer(["a"])) == [0]
    with pytest.raises(TensorTypeError, match="T0311"):
        layer(["b"])


def test_a_file_of_words(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\n")
    assert values(StringLookup(vocabulary=str(tmp_path / "words.txt"))(["b"])) == [2]


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
def test_a_layer_is_made_again_with_what_it_learned(mode):
    layer = TextVectorization(output_mode=mode)
    layer.adapt(TEXTS)
    again = tulle.layers.deserialize(tulle.layers.serialize(layer))
    assert values(again(TEXTS)) == values(layer(TEXTS))


def test_data_sets_of_text_train_a_model():
    layer = TextVectorization(output_sequence_length=4)
    data = tulle.data.Dataset.from_tensor_slices((TEXTS, [0.0, 1.0, 1.0])).batch(2)
    layer.adapt(data.map(lambda text, label: text))
    model = tulle.Sequential(
        [
            tulle.Input((4,), dtype="int64"),
            Embedding(layer.vocabulary_size(), 3),
            tulle.layers.Flatten(),
            Dense(1),
        ]
    )
    model.compile("adam", "mse")
    logs = model.fit(data.map(lambda t, y: (layer(t), y)), epochs=2, verbose=0).history
    assert logs["loss"][1] < logs["loss"][0]


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (lambda: TextVectorization(standardize="upper"), "T0204"),
        (lambda: TextVectorization(ngrams=0), "T0204"),
        (lambda: TextVectorization(output_sequence_length=0), "T0204"),
        (lambda: TextVectorization(vocabulary=["a", "a"]), "T0204"),
        (lambda: StringLookup(num_oov_indices=2), "T0204"),
        (lambda: StringLookup()(["a"]), "T0606"),
        (lambda: StringLookup(vocabulary=["a"])([1]), "T0402"),
        (lambda: StringLookup(vocabulary=["a"])(tulle.Input((1,))), "T0503"),
        (lambda: TextVectorization(vocabulary=["a"])([["a", "b"]]), "T0303"),
    ],
)
def test_wrong_calls(build, code):
    with pytest.raises(TensorTypeError, match=code):
        build()
