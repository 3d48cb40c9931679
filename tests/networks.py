"""Three networks that tests draw and list: a chain, branches, nests."""

from tulle.graph.layers import Concatenate, Dense, Dropout, LayerNormalization
from tulle.graph.network import Input, Network
from tulle.graph.registry import call


def digits():
    image = Input((64,), name="image")
    hidden = Dense(128, activation="relu", name="hidden")(image)
    return Network(image, Dense(10, name="logits")(Dropout(0.2)(hidden)), name="Digits")


def siamese():
    left, right = Input((32,), name="left"), Input((32,), name="right")
    encoder = Dense(16, name="encoder")
    one, two = encoder(left), encoder(right)
    apart = call("abs", one - two)
    score = Dense(1, name="score")(Concatenate(name="pair")([apart, one * 0.5]))
    outputs = {"score": score, "distance": call("mean", apart, axis=-1)}
    return Network([left, right], outputs, name="Siamese")


def nested():
    x = Input((8,), name="inner")
    block = Network(x, Dense(8, name="mix")(LayerNormalization(name="norm")(x)) + x)
    block.given_name = "block"
    outer = Input((8,), name="outer")
    y = Input((8,), name="between")
    head = Network(y, block(Dense(8, name="in")(y)), name="head")
    return Network(outer, head(block(outer)), name="Nested")
