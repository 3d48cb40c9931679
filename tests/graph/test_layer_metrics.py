"""What layers measure: running means, eagerly and in programs."""

import numpy as np

import tulle
from tulle import ops


class Measured(tulle.Layer):
    def call(self, x):
        self.add_metric(ops.mean(x), name="level")
        return x * 2.0


class Outer(tulle.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.inner = Measured()
        self.seen = tulle.metrics.Mean(name="seen")

    def call(self, x):
        self.seen.update_state(x)
        return self.inner(x)


def test_a_mean_over_calls():
    layer = Measured()
    assert layer.metrics == []
    for number in (1.0, 2.0, 6.0):
        layer(np.full((2, 2), number, "float32"))
    (metric,) = layer.metrics
    assert (metric.name, float(metric.result())) == ("level", 3.0)
    assert layer.weights == []
    layer.reset_metrics()
    assert float(metric.result()) == 0.0
    layer(np.full((2,), 5.0, "float32"))
    assert [float(m.result()) for m in layer.metrics] == [5.0]


def test_metrics_inside_in_a_program():
    layer = Outer()
    run = tulle.function(lambda x: layer(x))
    for number in (1.0, 3.0):
        np.testing.assert_array_equal(
            run(np.full(2, number, "float32")), [2 * number] * 2
        )
    found = {metric.name: float(metric.result()) for metric in layer.metrics}
    assert found == {"seen": 2.0, "level": 2.0}
    layer.reset_metrics()
    assert [float(metric.result()) for metric in layer.metrics] == [0.0, 0.0]


def test_metrics_of_a_layer_in_a_model():
    layer = Measured()
    inputs = tulle.Input((3,))
    model = tulle.Model(inputs, layer(inputs))
    layer.reset_metrics()
    model(np.full((4, 3), 7.0, "float32"))
    assert [float(m.result()) for m in layer.metrics] == [7.0]
    model.compile("sgd", "mse")
    model.evaluate(np.ones((4, 3), "float32"), np.ones((4, 3)), verbose=0)
    assert [float(m.result()) for m in layer.metrics] == [1.0]  # it begins anew
