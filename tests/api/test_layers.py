"""`tulle.layers`: layers to and from configurations."""

import json

import pytest

import tulle
from tulle import layers, regularizers


def there_and_back(layer, **more):
    return layers.deserialize(json.loads(json.dumps(layers.serialize(layer))), **more)


def test_layers_inside_of_layers_and_their_settings():
    inner = layers.LSTM(3, kernel_regularizer=regularizers.L2(0.5))
    found = there_and_back(layers.Bidirectional(inner, merge_mode="sum"))
    assert found.merge_mode == "sum"
    assert isinstance(found.forward_layer, layers.LSTM)
    assert found.forward_layer.units == 3
    assert found.forward_layer.kernel_regularizer.l2 == 0.5


def test_a_model_of_layers_in_a_row():
    model = tulle.Sequential([layers.Dense(3, name="one"), layers.ReLU()])
    found = there_and_back(model)
    assert [type(layer).__name__ for layer in found.layers] == ["Dense", "ReLU"]
    assert found.layers[0].name == "one"
    assert found.layers[0].units == 3


class Scaled(layers.Layer):
    def __init__(self, factor, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.inner = factor, inner


def test_classes_of_the_user():
    mine = Scaled(2, Scaled(3))
    found = there_and_back(mine, custom_objects={"Scaled": Scaled})
    assert (found.factor, found.inner.factor) == (2, 3)
    with pytest.raises(tulle.TulleError, match="`Scaled` is no layer"):
        there_and_back(mine)
    with pytest.raises(tulle.TulleError, match="did you mean `Dense`"):
        layers.deserialize({"class_name": "Densee", "config": {}})


def test_input_takes_its_arguments_in_keras_order():
    assert layers.Input((3,), 2, "int32", None, "x").name == "x"
    assert layers.Input(None, None, None, (2, 3)).shape == (2, 3)
