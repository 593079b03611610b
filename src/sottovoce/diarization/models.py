"""Task models as the pipeline uses them."""

from __future__ import annotations

from torch import Tensor

from ..data.audio.frames import FRAME_STEP
from ..encoder.checks.finite_outputs import called, finite_output
from ..errors import CheckpointError
from ..heads.framewise.powerset_head import PowersetHead
from ..heads.speaker.pooling_head import PoolingHead
from ..models.task_network import TaskNetwork
from ..quantities import SAMPLE_RATE
from .powerset import Powerset


class SegmentationModel:
    """A diarization model as the pipeline's local model.

    Raises:
        CheckpointError: it has another head, or frames of other than 20 ms.
    """

    def __init__(self, model: TaskNetwork):
        if not isinstance(model.head, PowersetHead):
            raise CheckpointError(
                f"{called(model)}: the head {model.config.head['kind']} does not classify frames into sets of speakers; "
                "take a diarization model"
            )
        _check_step(model)
        self.model = model
        self.powerset = Powerset(model.head.speakers, model.head.at_once)

    def __call__(self, waves: Tensor) -> Tensor:
        """``[B, T, classes]`` of ``[B, S]``.

        Raises:
            InferenceError: NaN or infinity is among them.
        """
        return finite_output(self.model(waves.to(self.model.device)).output.float().cpu(), self.model)


class EmbeddingModel:
    """A verification model in two halves: encode once, pool under any mask. Embeddings are centered, of length 1.

    Raises:
        CheckpointError: it does not compare speakers, its head does not pool frames, or they are of other than 20 ms.
    """

    def __init__(self, model: TaskNetwork):
        if not isinstance(model.head, PoolingHead) or model.config.scoring != "cosine":
            raise CheckpointError(
                f"{called(model)}: the head {model.config.head['kind']} cannot pool the frames of one speaker; take a speaker "
                "model with the head mhfa"
            )
        _check_step(model)
        self.model = model

    @property
    def size(self) -> int:
        """Numbers of an embedding."""
        return self.model.head.size

    def frames(self, waves: Tensor) -> Tensor:
        """``[B, T, F]`` of ``[B, S]``.

        Raises:
            InferenceError: NaN or infinity is among them.
        """
        frames = self.model.head.frames(self.model.encoder(waves.to(self.model.device)).hidden_states)
        return finite_output(frames, self.model)

    def pool(self, frames: Tensor, masks: Tensor) -> Tensor:
        """``[K, E]`` of ``frames[T, F]`` under ``masks[K, T]``.

        Raises:
            InferenceError: NaN or infinity is among them.
        """
        device = self.model.device
        pooled = self.model.head.pool(frames[None].to(device, self.model.dtype), masks.to(device))
        return finite_output(self.model.scoring.centered(pooled), self.model)


def _check_step(model: TaskNetwork) -> None:
    """Windows, masks and turns are counted in frames of 20 ms: of other frames they would be wrong without a word."""
    step = model.config.inputs_to_logits_ratio
    if step != FRAME_STEP:
        raise CheckpointError(
            f"{called(model)}: its frames are {1000 * step / SAMPLE_RATE:g} ms long and diarization counts in "
            f"{1000 * FRAME_STEP // SAMPLE_RATE} ms; train one with that step, without downsampling"
        )
