"""Task models in the form that the pipeline uses: segmentation and embedding."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from ..data.audio.frames import FRAME_STEP
from ..encoder.checks.finite_outputs import called, finite_output
from ..errors import CheckpointError
from ..heads.framewise.powerset_head import PowersetHead
from ..heads.speaker.pooling_head import PoolingHead
from ..models.task_network import TaskNetwork
from ..quantities import SAMPLE_RATE
from .pooling import WindowEmbedder, resampled_masks
from .powerset import Powerset


class SegmentationModel:
    """A diarization model as the segmentation model of the pipeline.

    Raises:
        CheckpointError: the model has another head, or its frames are not 20 ms apart.
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
        """Scores ``[B, T, classes]`` of powerset classes for ``waves[B, S]``.

        Raises:
            InferenceError: the output has NaN or infinite values.
        """
        return finite_output(self.model(waves.to(self.model.device)).output.float().cpu(), self.model)


def embedding_model(model: TaskNetwork) -> SpeakerEmbedder:
    """A verification model as the embedding model of the pipeline.

    Raises:
        CheckpointError: the model is not a verification model, its head does not pool frames, or its frames are not 20 ms
            apart though it has layers.
    """
    if not isinstance(model.head, PoolingHead) or model.config.scoring != "cosine":
        raise CheckpointError(
            f"{called(model)}: the head {model.config.head['kind']} cannot pool the frames of one speaker; take a speaker "
            "model with the head mhfa or resnet"
        )
    if not model.config.encoder.num_hidden_layers:
        return WindowEmbeddingModel(model)
    _check_step(model)
    return EmbeddingModel(model)


class _Embeddings:
    """What both kinds of embedding models have.

    Embeddings are centered and of length 1 if the model was trained here, which fits their mean. Those of a released model
    are as its head gives them, so that a PLDA which was released with it fits them.

    Args:
        model: a verification model whose head pools frames.
    """

    def __init__(self, model: TaskNetwork):
        self.model = model

    @property
    def size(self) -> int:
        """Dimension of the embeddings."""
        return self.model.head.size

    def pooled(self, frames: Tensor, masks: Tensor) -> Tensor:
        """Embeddings ``[K, E]`` of ``frames[T, F]`` under ``masks[K, T]``.

        Raises:
            InferenceError: the output has NaN or infinite values.
        """
        device = self.model.device
        pooled = self.model.head.pool(frames[None].to(device, self.model.dtype), masks.to(device))
        fitted = self.model.scoring.map is not None or bool(self.model.scoring.mean.any())
        return finite_output(self.model.scoring.centered(pooled) if fitted else pooled, self.model)

    def hidden_states(self, waves: Tensor) -> tuple[Tensor, ...]:
        """The hidden states of ``waves[B, S]``."""
        return self.model.encoder(waves.to(self.model.device)).hidden_states

    def encoded(self, waves: Tensor) -> Tensor:
        """Frames ``[B, T, F]`` of ``waves[B, S]``.

        Raises:
            InferenceError: the output has NaN or infinite values.
        """
        return finite_output(self.model.head.frames(self.hidden_states(waves)), self.model)

    def whole(self, wave: Tensor) -> Tensor:
        """The embedding ``[E]`` of all of ``wave[S]``."""
        frames = self.encoded(wave[None])[0]
        return self.pooled(frames, torch.ones(1, len(frames), dtype=torch.bool))[0]


class EmbeddingModel(_Embeddings):
    """A verification model in two steps: frames are encoded once and pooled under any mask."""

    def frames(self, waves: Tensor) -> Tensor:
        """Frames ``[B, T, F]`` of ``waves[B, S]``, 20 ms apart. Where a head has fewer, they are repeated."""
        states = self.hidden_states(waves)
        frames = finite_output(self.model.head.frames(states), self.model)
        T, own = states[-1].shape[1], frames.shape[1]
        return frames if own == T else frames[:, torch.arange(T, device=frames.device) * own // T]

    def pool(self, frames: Tensor, masks: Tensor) -> Tensor:
        """Embeddings ``[K, E]`` of ``frames[T, F]`` under ``masks[K, T]``."""
        return self.pooled(frames, masks)


class WindowEmbeddingModel(_Embeddings, WindowEmbedder):
    """A verification model without layers, such as a ResNet on a filterbank, which embeds each window by itself."""

    def embed(self, wave: Tensor, masks: Tensor) -> Tensor:
        frames = self.encoded(wave[None])[0]
        return self.pooled(frames, resampled_masks(masks, len(frames)))


SpeakerEmbedder: TypeAlias = EmbeddingModel | WindowEmbeddingModel
"""An embedding model of the pipeline."""


def _check_step(model: TaskNetwork) -> None:
    """Check that frames are 20 ms apart: windows, masks and turns are counted in such frames."""
    step = model.config.inputs_to_logits_ratio
    if step != FRAME_STEP:
        raise CheckpointError(
            f"{called(model)}: its frames are {1000 * step / SAMPLE_RATE:g} ms long and diarization counts in "
            f"{1000 * FRAME_STEP // SAMPLE_RATE} ms; train one with that step, without downsampling"
        )
