import tulle
from tulle import layers, ops

tokens = tulle.Input((16,), dtype="int32", name="tokens")
embedding = layers.Embedding(1000, 64)  # from
h = embedding(tokens)
logits = ops.matmul(h, embedding.embeddings)  # expect T0301
# mend:logits = ops.matmul(h, ops.transpose(embedding.embeddings))
