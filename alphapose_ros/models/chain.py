"""Functions one after the other, as one network that can be exported."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


class Chain(nn.Module):
    """What goes into a network, the network, and what follows it.

    Args:
        before: turns the graph's input into the network's.
        network: in eval mode.
        after: turns the network's output into the graph's.
    """

    def __init__(
        self,
        before: Callable[[Tensor], Tensor],
        network: nn.Module,
        after: Callable[[Tensor], Tensor | tuple[Tensor, ...]],
    ) -> None:
        super().__init__()
        self.before, self.network, self.after = before, network, after

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Run all three."""
        return self.after(self.network(self.before(x)))
