"""What is measured: one network with an input of one size, whoever's class it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sottovoce.encoder.checks.finite_outputs import finite_output, float_tensors
from sottovoce.encoder.model import SAMPLE_RATE
from sottovoce.pruning.costs import cost


@dataclass(frozen=True)
class ProfiledModel:
    """A network and the input it is run on.

    Args:
        name: what it is called in tables.
        module: the network, in evaluation mode.
        inputs: its first argument: ``[B, S]`` waveform, or ``[B, T, F]`` features.
        macs: multiply-accumulates of one run.
        file_bytes: size of its weights on disk, or what they would take there.
        note: what a reader must know beside the number.
    """

    name: str
    module: nn.Module
    inputs: Tensor
    macs: float
    file_bytes: int
    note: str = ""

    def __call__(self) -> Any:
        with torch.inference_mode():
            return self.module(self.inputs)

    def check(self) -> None:
        """Run it once more and look at what it gives.

        Raises:
            InferenceError: NaN or infinity is among it.
        """
        dtype = str(next(self.module.parameters()).dtype).removeprefix("torch.")
        for each in float_tensors(self()):
            finite_output(each, f"{self.name} in {dtype}")


def ours(
    module: nn.Module, *, name: str, seconds: float, batch: int, dtype: torch.dtype, device: str, **more: Any
) -> ProfiledModel:
    """A model of ours: an encoder or a task model, fed waveforms."""
    macs = cost(module, seconds).macs * batch
    file_bytes = more.pop("file_bytes", None) or tensor_bytes(module)
    module = module.to(device=device, dtype=dtype).eval()
    return ProfiledModel(name, module, noise(seconds, batch).to(device), macs, file_bytes, **more)


def stock(
    module: nn.Module, *, name: str, seconds: float, batch: int, dtype: torch.dtype, device: str, **more: Any
) -> ProfiledModel:
    """A model of Transformers' own class, counted by torch; fed what its ``main_input_name`` asks for.

    A model of features is given features that were made beforehand: their time is not its time, and the note says so.
    """
    file_bytes = more.pop("file_bytes", None) or tensor_bytes(module)
    inputs = noise(seconds, batch)
    if module.main_input_name == "input_features":
        inputs = _features(inputs)
        more["note"] = "; ".join(filter(None, [more.get("note"), "filterbank not included"]))
    module = module.eval()
    macs = counted_macs(module.to(dtype=torch.float32), inputs)
    return ProfiledModel(
        name, module.to(device=device, dtype=dtype), inputs.to(device, dtype), macs, file_bytes, **more
    )


def tensor_bytes(module: nn.Module) -> int:
    """Memory of weights and buffers."""
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


def weight_files(directory: Path) -> int | None:
    """Bytes of the weight files in a model directory: safetensors where there are any; None where there are none."""
    for pattern in ("*.safetensors", "*.bin"):
        if sizes := [f.stat().st_size for f in directory.glob(pattern)]:
            return sum(sizes)
    return directory.stat().st_size if directory.is_file() else None


def noise(seconds: float, batch: int) -> Tensor:
    """A waveform ``[B, S]`` of unit noise: time does not depend on what is said."""
    return torch.randn(batch, round(seconds * SAMPLE_RATE), generator=torch.Generator().manual_seed(0))


def _features(waveform: Tensor) -> Tensor:
    from transformers import SeamlessM4TFeatureExtractor

    made = SeamlessM4TFeatureExtractor()(list(waveform.numpy()), sampling_rate=SAMPLE_RATE, return_tensors="pt")
    return made["input_features"]


def counted_macs(module: nn.Module, inputs: Tensor) -> float:
    """Multiply-accumulates of one forward pass, as torch's own counter sees them.

    Under the MATH backend, because on a CPU the counter takes fused attention for nothing.
    """
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        module(inputs)
    return counter.get_total_flops() / 2
