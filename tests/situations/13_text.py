import numpy as np
import tulle

TEXT = """net 1
dim B
model M(x: f32[B, 784]) -> f32[B, 10] { return x |> Dense(10) }
"""
model = tulle.loads(TEXT).M
model.predict(np.zeros((32, 783), "float32"), verbose=0)  # expect T0701
# mend:model.predict(np.zeros((32, 784), "float32"), verbose=0)
