import numpy as np
import tulle
from tulle import layers

question = tulle.Input((12,), name="question")  # from
answer = tulle.Input((30,), name="answer")  # from
h = layers.Concatenate()([question, answer])
model = tulle.Model([question, answer], layers.Dense(1)(h))
model.compile("adam", "mse")
questions, answers = np.zeros((8, 12)), np.zeros((8, 30))
model.evaluate([answers, questions], np.zeros((8, 1)), verbose=0)  # expect T0701
# mend:model.evaluate([questions, answers], np.zeros((8, 1)), verbose=0)
