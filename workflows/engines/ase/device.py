"""Where the potentials that PyTorch runs compute, and on how many threads."""

from __future__ import annotations

from typing import Literal

from ....configs.errors import EngineUnavailableError

__all__ = ["Device", "torch_device"]

Device = Literal["cpu", "cuda", "mps", "auto"]


def torch_device(device: Device, threads: int) -> str:
    """Set the threads of this process and return the device as PyTorch names it.

    Parameters
    ----------
    device : str
        ``auto``: CUDA where present, otherwise the processor.
    threads : int
        Threads of one job.

    Raises
    ------
    EngineUnavailableError
        If the device is not there.
    """
    import torch

    torch.set_num_threads(threads)
    cuda = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if cuda else "cpu"
    if (device == "cuda" and not cuda) or (device == "mps" and not torch.backends.mps.is_available()):
        raise EngineUnavailableError(
            f"device {device}: PyTorch {torch.__version__} finds none here",
            "device: auto takes the processor where there is no CUDA; a PyTorch built for CUDA finds its devices",
        )
    return device
