"""Grad-CAM, pictures that excite a filter, and the gradient of a style."""

import numpy as np

import tulle as keras
from tulle import layers, ops

rng = np.random.default_rng(0)
model = keras.Sequential(
    [
        keras.Input((32, 32, 3)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 3, activation="relu", name="last_conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax", name="predictions"),
    ]
)
model.layers[-1].activation = None
img_array = rng.random((1, 32, 32, 3)).astype("float32")


def make_gradcam_heatmap(img_array, model, last_conv_layer_name, pred_index=None):
    grad_model = keras.models.Model(
        model.inputs,
        [model.get_layer(last_conv_layer_name).output, model.layers[-1].output],
    )
    with keras.GradientTape() as tape:
        last_conv_layer_output, preds = grad_model(img_array)
        if pred_index is None:
            pred_index = ops.argmax(preds[0])
        class_channel = preds[:, pred_index]
    grads = tape.gradient(class_channel, last_conv_layer_output)
    pooled_grads = ops.mean(grads, axis=(0, 1, 2))
    last_conv_layer_output = last_conv_layer_output[0]
    heatmap = last_conv_layer_output @ pooled_grads[..., None]
    heatmap = ops.squeeze(heatmap)
    heatmap = ops.maximum(heatmap, 0) / ops.max(heatmap)
    return heatmap.numpy()


layer = model.get_layer(name="last_conv")
feature_extractor = keras.Model(inputs=model.inputs, outputs=layer.output)


def compute_loss(input_image, filter_index):
    activation = feature_extractor(input_image)
    filter_activation = activation[:, 2:-2, 2:-2, filter_index]
    return ops.mean(filter_activation)


@keras.function
def gradient_ascent_step(img, filter_index, learning_rate):
    with keras.GradientTape() as tape:
        tape.watch(img)
        loss = compute_loss(img, filter_index)
    grads = tape.gradient(loss, img)
    grads = ops.normalize(grads)
    img += learning_rate * grads
    return (loss, img)


img = (keras.random.uniform((1, 32, 32, 3)) - 0.5) * 0.25
for _iteration in range(5):
    loss, img = gradient_ascent_step(img, 3, 10.0)
layer_settings = {"last_conv": 1.0, "conv2d": 1.5} if False else {"last_conv": 1.0}
outputs_dict = {
    layer.name: layer.output
    for layer in [model.get_layer(name) for name in layer_settings]
}
feature_extractor = keras.Model(inputs=model.inputs, outputs=outputs_dict)


def dreamed(input_image):
    features = feature_extractor(input_image)
    loss = ops.zeros(shape=())
    for name in features:
        coeff = layer_settings[name]
        activation = features[name]
        scaling = ops.prod(ops.cast(ops.shape(activation), "float32"))
        loss += coeff * ops.sum(ops.square(activation[:, 2:-2, 2:-2, :])) / scaling
    return loss


@keras.function
def gradient_ascent_step(img, learning_rate):
    with keras.GradientTape() as tape:
        tape.watch(img)
        loss = dreamed(img)
    grads = tape.gradient(loss, img)
    grads /= ops.maximum(ops.mean(ops.abs(grads)), 1e-06)
    img += learning_rate * grads
    return (loss, img)


original_img = img_array
successive_shapes = [(16, 16), (24, 24), (32, 32)]
shrunk = ops.image.resize(original_img, successive_shapes[0])
img = (
    ops.identity(original_img)
    if hasattr(ops, "identity_")
    else ops.convert_to_tensor(original_img)
)
for _i in range(3):
    loss, img = gradient_ascent_step(img, 0.01)
    if loss > 1000000000.0:
        break


def gram_matrix(x):
    x = ops.transpose(x, (2, 0, 1))
    features = ops.reshape(x, (ops.shape(x)[0], -1))
    return ops.matmul(features, ops.transpose(features))


combination_image = keras.Variable(img_array)
optimizer = keras.optimizers.SGD(
    keras.optimizers.schedules.ExponentialDecay(
        initial_learning_rate=1.0, decay_steps=100, decay_rate=0.96
    )
)


def style_loss(image):
    f = feature_extractor(ops.concatenate([image, img_array], axis=0))["last_conv"]
    S, C = (gram_matrix(f[0]), gram_matrix(f[1]))
    return ops.sum(ops.square(S - C)) / (4.0 * 9 * 100)


for _i in range(2):
    with keras.GradientTape() as tape:
        total = style_loss(combination_image) + 0.0001 * ops.sum(
            ops.power(
                ops.square(
                    combination_image[:, :-1, :-1, :] - combination_image[:, 1:, :-1, :]
                ),
                1.25,
            )
        )
    g = tape.gradient(total, combination_image)
    optimizer.apply_gradients([(g, combination_image)])
assert np.isfinite(float(total))
