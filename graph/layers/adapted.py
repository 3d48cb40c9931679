"""Layers whose main weight can take a correction of low rank."""

from __future__ import annotations

from typing import Any

from ..diagnostics import Fault, TensorTypeError, caller_span
from ..variable import Variable
from .weighted import Weighted


class Adapted(Weighted):
    """The base of layers that can be tuned by a product of two small matrices.

    `lora_role` names the weight that is frozen and corrected. Source: Hu et al. 2021.
    """

    lora_role = "kernel"

    def __init__(
        self,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if lora_rank is not None and (type(lora_rank) is not int or lora_rank < 1):
            raise Fault(
                "T0204",
                f"`lora_rank` of `{type(self).__name__}` is a positive integer or "
                f"None, not {lora_rank!r}",
                argument="lora_rank",
            )
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = False

    def adapt_weight(self) -> None:
        """Make the correction that the arguments ask for, once the weight is there."""
        if self.lora_rank is not None:
            self._correct(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the main weight w and let it learn as w + lora_alpha / rank * a @ b.

        For w [..., n] the new weights are `lora_<role>_a` [..., rank] and
        `lora_<role>_b` [rank, n]. `lora_alpha` is the rank if not given. Raises T0204
        before the layer is built, twice, or with a constraint on w.

        >>> from .core import Dense
        >>> import numpy as np
        >>> layer = Dense(4)
        >>> _ = layer(np.ones((2, 3), "float32"))
        >>> layer.enable_lora(2)
        >>> [weight.name for weight in layer.trainable_weights]
        ['bias', 'lora_kernel_a', 'lora_kernel_b']
        """
        try:
            self._refuse_correction(self.built)
            self._correct(rank, lora_alpha, a_initializer, b_initializer)
        except Fault as fault:
            raise TensorTypeError.of(fault, caller_span()) from None

    def _refuse_correction(self, built: bool) -> None:
        reason = None if built else "has no weights yet: build or call it first"
        if self.lora_enabled:
            reason = "has a correction of low rank already"
        if getattr(self, f"{self.lora_role}_constraint", None) is not None:
            reason = (
                f"takes no correction of low rank with a `{self.lora_role}_constraint`"
            )
        if reason is not None:
            raise Fault("T0204", f"`{self.name}` {reason}", argument="lora_rank")

    def _correct(
        self, rank: int, alpha: float | None, a_initializer: Any, b_initializer: Any
    ) -> None:
        self._refuse_correction(True)
        role = self.lora_role
        weight: Variable = getattr(self, role)
        regularizer = getattr(self, f"{role}_regularizer", None)
        *outer, inner = weight.shape
        self.lora_a = self.add_weight(
            (*outer, rank),
            a_initializer,
            name=f"lora_{role}_a",
            regularizer=regularizer,
        )
        self.lora_b = self.add_weight(
            (rank, inner),
            b_initializer,
            name=f"lora_{role}_b",
            regularizer=regularizer,
        )
        weight.trainable = False
        self.lora_rank, self.lora_enabled = rank, True
        self.lora_alpha = rank if alpha is None else alpha

    def tell_weights(self) -> None:
        """The corrected weight stays frozen, whatever the layer is."""
        super().tell_weights()
        if self.lora_enabled:
            getattr(self, self.lora_role).trainable = False

    def adapted(self, weight: Variable) -> Any:
        """The main weight with its correction, if there is one."""
        if not self.lora_enabled or self.lora_rank is None or self.lora_alpha is None:
            return weight
        return weight + (self.lora_a @ self.lora_b) * (self.lora_alpha / self.lora_rank)
