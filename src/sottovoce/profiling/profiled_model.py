"""What is measured: a network of ours or of Transformers, with an input of one size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ..encoder.checks.finite_outputs import finite_output, float_tensors
from ..pruning.costs import cost
from ..quantities import SAMPLE_RATE, Seconds
from .benchmark_settings import BenchmarkSettings
from .memory import tensor_bytes

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class ProfiledModel:
    """A network and the input that it is run on.

    Args:
        name: its name in tables.
        module: the network, in evaluation mode.
        inputs: its first argument: a waveform ``[B, S]``, or features ``[B, T, F]``.
        macs: multiply-accumulates of one run.
        file_bytes: size of its weights on disk, or the size that they would have there.
        note: what a reader must know beside the numbers.
    """

    name: str
    module: nn.Module
    inputs: Tensor
    macs: float
    file_bytes: int
    note: str = ""

    def __call__(self) -> object:
        """Run the network once."""
        with torch.inference_mode():
            return self.module(self.inputs)

    def check(self) -> None:
        """Run the network once more and check its outputs.

        Raises:
            InferenceError: an output is NaN or infinite.
        """
        dtype = str(next(self.module.parameters()).dtype).removeprefix("torch.")
        for each in float_tensors(self()):
            finite_output(each, f"{self.name} in {dtype}")


def profile_network(
    module: nn.Module, settings: BenchmarkSettings, *, name: str, file_bytes: int | None = None
) -> ProfiledModel:
    """An encoder or a task model of sottovoce with a waveform of noise; its MACs are counted by `cost`.

    Args:
        module: the network; it is moved to the device and dtype of ``settings``.
        settings: length and number of utterances, device and dtype.
        name: its name in tables.
        file_bytes: size of its weights on disk; by default what its tensors take now.
    """
    macs = cost(module, settings.seconds).macs * settings.batch
    size = file_bytes or tensor_bytes(module)
    module = module.to(device=settings.device, dtype=settings.torch_dtype).eval()
    inputs = noise_waveform(settings.seconds, settings.batch).to(settings.device)
    return ProfiledModel(name, module, inputs, macs, size)


def profile_stock(
    module: PreTrainedModel, settings: BenchmarkSettings, *, name: str, file_bytes: int | None = None
) -> ProfiledModel:
    """A model of a Transformers class; its MACs are counted by torch.

    It gets what its ``main_input_name`` asks for. The features of a model that takes features are computed beforehand:
    their time does not count, and the note says so.

    Args:
        module, settings, name, file_bytes: see `profile_network`.
    """
    size = file_bytes or tensor_bytes(module)
    inputs, note = noise_waveform(settings.seconds, settings.batch), ""
    if module.main_input_name == "input_features":
        inputs, note = _features(inputs), "filterbank not included"
    network: nn.Module = module.eval()
    macs = counted_macs(network.to(dtype=torch.float32), inputs)
    network = network.to(device=settings.device, dtype=settings.torch_dtype)
    return ProfiledModel(name, network, inputs.to(settings.device, settings.torch_dtype), macs, size, note)


def weight_file_bytes(path: Path) -> int | None:
    """Size of the weights of a saved model.

    Args:
        path: a model directory, of which the safetensors files count, or the ``.bin`` files where there are none; or one
            file.

    Returns:
        Bytes; ``None`` where there is no such file, as for a hub id.
    """
    for pattern in ("*.safetensors", "*.bin"):
        if sizes := [f.stat().st_size for f in path.glob(pattern)]:
            return sum(sizes)
    return path.stat().st_size if path.is_file() else None


def noise_waveform(seconds: Seconds, batch: int) -> Tensor:
    """A waveform ``[B, S]`` of noise with variance 1, always the same: time does not depend on the content of audio."""
    return torch.randn(batch, round(seconds * SAMPLE_RATE), generator=torch.Generator().manual_seed(0))


def _features(waveform: Tensor) -> Tensor:
    from transformers import SeamlessM4TFeatureExtractor

    made = SeamlessM4TFeatureExtractor()(list(waveform.numpy()), sampling_rate=SAMPLE_RATE, return_tensors="pt")
    features: Tensor = made["input_features"]
    return features


def counted_macs(module: nn.Module, inputs: Tensor) -> float:
    """Multiply-accumulates of one forward pass by torch's own counter.

    The MATH backend of attention is used, because on a CPU the counter counts fused attention as nothing.
    """
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        module(inputs)
    return counter.get_total_flops() / 2
