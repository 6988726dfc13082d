"""What goes from device to device while something runs, seen without a GPU."""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MOVES = ("aten._to_copy", "aten.copy_")


class Journal(TorchDispatchMode):
    """Notes what goes from device to device, and what runs on the processor between two of these.

    The meta device stands for a GPU. It knows shapes only: what is read back is zeros.
    """

    def __init__(self):
        super().__init__()
        self.transfers, self.strangers = [], []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        with self:  # what only calls other functions, such as Tensor.to(), is seen as those
            parts = function.decompose(*args, **kwargs)
        if parts is not NotImplemented:
            return parts
        sources = [
            x.device.type for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)
        ]
        if str(function).startswith(MOVES):
            target = str(kwargs.get("device") or sources[0])
            if {target} != set(sources):
                self.transfers.append((sources[0], target, args[0].shape))
            if target == "cpu" and sources[0] == "meta":
                return torch.zeros(args[0].shape)
            return function(*args, **kwargs)
        result = function(*args, **kwargs)
        made = [x.device.type for x in tree_leaves(result) if isinstance(x, torch.Tensor)]
        if len(self.transfers) == 1 and {*sources, *made} - {"meta"}:  # in the middle
            self.strangers.append(str(function))
        return result


class Makers(TorchFunctionMode):
    """Notes tensors made of Python's numbers: a transfer of which no other journal hears."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function.__name__ in ("tensor", "new_tensor", "as_tensor", "asarray"):
            self.calls.append(function.__name__)
        return function(*args, **(kwargs or {}))


def journal_of(run, *arguments):
    """Return what was noted while ``run`` was called."""
    with Makers() as makers, Journal() as journal:
        run(*arguments)
    journal.makers = makers.calls
    return journal
