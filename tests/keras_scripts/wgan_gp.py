"""A Wasserstein GAN whose critic pays for its gradient: a tape in a train step."""

import numpy as np

import tulle as keras
from tulle import layers, ops


class WGAN(keras.Model):
    def __init__(self, critic, generator, latent_dim, critic_steps=2, gp_weight=10.0):
        super().__init__()
        self.critic = critic
        self.generator = generator
        self.latent_dim = latent_dim
        self.critic_steps = critic_steps
        self.gp_weight = gp_weight

    def compile(self, d_optimizer, g_optimizer):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer

    def gradient_penalty(self, batch_size, real, fake):
        alpha = keras.random.uniform((batch_size, 1))
        interpolated = real + alpha * (fake - real)
        with keras.GradientTape() as gp_tape:
            gp_tape.watch(interpolated)
            pred = self.critic(interpolated, training=True)
        grads = gp_tape.gradient(pred, [interpolated])[0]
        norm = ops.sqrt(ops.sum(ops.square(grads), axis=1) + 1e-12)
        return ops.mean((norm - 1.0) ** 2)

    def train_step(self, real):
        if isinstance(real, tuple):
            real = real[0]
        batch_size = ops.shape(real)[0]
        for _ in range(self.critic_steps):
            noise = keras.random.normal((batch_size, self.latent_dim))
            with keras.GradientTape() as tape:
                fake = self.generator(noise, training=True)
                cost = ops.mean(self.critic(fake, training=True)) - ops.mean(
                    self.critic(real, training=True)
                )
                penalty = self.gradient_penalty(batch_size, real, fake)
                d_loss = cost + penalty * self.gp_weight
            d_gradient = tape.gradient(d_loss, self.critic.trainable_variables)
            self.d_optimizer.apply_gradients(
                zip(d_gradient, self.critic.trainable_variables, strict=True)
            )
        noise = keras.random.normal((batch_size, self.latent_dim))
        with keras.GradientTape() as tape:
            fake = self.generator(noise, training=True)
            g_loss = -ops.mean(self.critic(fake, training=True))
        gen_gradient = tape.gradient(g_loss, self.generator.trainable_variables)
        self.g_optimizer.apply_gradients(
            zip(gen_gradient, self.generator.trainable_variables, strict=True)
        )
        return {"d_loss": d_loss, "g_loss": g_loss}


class Monitor(keras.callbacks.Callback):
    def __init__(self, latent_dim=2):
        super().__init__()
        self.means = []
        self.noise = np.random.default_rng(0).normal(size=(64, latent_dim))

    def on_epoch_end(self, epoch, logs=None):
        points = self.model.generator(self.noise)
        self.means.append(ops.convert_to_numpy(points).mean(axis=0))


keras.utils.set_random_seed(32)
real = np.random.default_rng(1).normal([3.0, -1.0], 0.2, (256, 2)).astype("float32")
generator = keras.Sequential(
    [keras.Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(2)]
)
critic = keras.Sequential(
    [keras.Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(1)]
)
wgan = WGAN(critic, generator, latent_dim=2)
wgan.compile(
    keras.optimizers.Adam(0.02, beta_1=0.5, beta_2=0.9),
    keras.optimizers.Adam(0.02, beta_1=0.5, beta_2=0.9),
)
monitor = Monitor()
logs = wgan.fit(real, batch_size=64, epochs=12, callbacks=[monitor], verbose=0).history
assert set(logs) == {"d_loss", "g_loss"}
assert np.isfinite(logs["d_loss"]).all()
assert len(monitor.means) == 12
assert np.isfinite(monitor.means).all()
