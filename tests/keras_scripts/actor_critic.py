"""A policy learnt by gradients of chosen actions: lists of tensors under one tape."""

import numpy as np

import tulle as keras
from tulle import layers, ops

keras.utils.set_random_seed(33)
rng = np.random.default_rng(0)
num_inputs, num_actions, num_hidden = 4, 2, 16
inputs = layers.Input(shape=(num_inputs,))
common = layers.Dense(num_hidden, activation="relu")(inputs)
action = layers.Dense(num_actions, activation="softmax")(common)
critic = layers.Dense(1)(common)
model = keras.Model(inputs=inputs, outputs=[action, critic])
optimizer = keras.optimizers.Adam(learning_rate=0.05)
huber_loss = keras.losses.Huber()
gamma, eps = 0.9, np.finfo(np.float32).eps.item()


def play(state, chosen):
    """One is paid for the action that the state's first number points at."""
    reward = 1.0 if (state[0] > 0) == bool(chosen) else 0.0
    return rng.normal(size=num_inputs).astype("float32"), reward


rewards_seen = []
for _episode in range(5):
    action_probs_history, critic_value_history, rewards_history = [], [], []
    state = rng.normal(size=num_inputs).astype("float32")
    with keras.GradientTape() as tape:
        for _timestep in range(6):
            batch = ops.expand_dims(ops.convert_to_tensor(state), 0)
            action_probs, critic_value = model(batch)
            critic_value_history.append(critic_value[0, 0])
            p = ops.convert_to_numpy(action_probs)[0].astype("float64")
            chosen = rng.choice(num_actions, p=p / p.sum())
            action_probs_history.append(ops.log(action_probs[0, chosen]))
            state, reward = play(state, chosen)
            rewards_history.append(reward)
        returns, discounted_sum = [], 0.0
        for r in rewards_history[::-1]:
            discounted_sum = r + gamma * discounted_sum
            returns.insert(0, discounted_sum)
        returns = np.array(returns)
        returns = (returns - np.mean(returns)) / (np.std(returns) + eps)
        actor_losses, critic_losses = [], []
        for log_prob, value, ret in zip(
            action_probs_history, critic_value_history, returns.tolist(), strict=True
        ):
            actor_losses.append(-log_prob * (ret - value))
            critic_losses.append(
                huber_loss(ops.expand_dims(value, 0), ops.expand_dims(ret, 0))
            )
        loss_value = sum(actor_losses) + sum(critic_losses)
    grads = tape.gradient(loss_value, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
    rewards_seen.append(sum(rewards_history))
assert np.isfinite(float(loss_value))
assert int(optimizer.iterations) == 5
assert len(rewards_seen) == 5
