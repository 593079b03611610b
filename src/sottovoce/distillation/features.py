"""Feature distillation: train a student to have the hidden states of its teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..encoder.layers.frame_masks import frame_mask
from ..encoder.network import EncoderNetwork
from ..errors import DistillationError
from .losses import feature_distance
from .residual import kept_channels

Reduction = Literal["mean", "sum"]
"""How the distances of several hidden states become one: their mean, or their sum."""

Layer = int | Literal["projected"]
"""A hidden state by its index; or the one before the positional convolution, the output of the front end, which is state 0 of
DPHuBERT."""


class FeatureDistillation(nn.Module):
    """L1 distance minus cosine between chosen hidden states of student and frozen teacher, a mean over the states.

    The teacher is not part of the module's state; only the projections are trained and saved. If the residual stream of the
    student is narrower, each of its channels is compared with the channel of the teacher that it was before pruning.

    Args:
        teacher: the encoder to imitate; it is put into evaluation mode and frozen.
        student: the encoder that learns; only its shape is read here.
        layers: indices of hidden states: 0 is the input of the first layer, ``L`` the output of the last; and ``projected``,
            which comes before the positional convolution.
        projections: ``True`` puts a linear map, at first the identity, behind each chosen hidden state of the student.
            Groups of layers, such as ``[[0], [4, 8, 12]]`` of DPHuBERT, share one map each.
        l1, cosine: weights of the L1 distance and of the cosine.
        reduction: ``mean`` over the chosen states, as DPHuBERT, DiariZen and w2v-BERT-2.0_SV compute it (an L1 loss and a
            mean cosine over a stack of states), or their ``sum``.

    Raises:
        DistillationError: a teacher of another depth or width, a layer that is not there or is named twice, groups that do
            not have each chosen layer once, frames of different lengths, or a residual channel unknown to the teacher.
    """

    channels: Tensor | None

    def __init__(
        self,
        teacher: EncoderNetwork,
        student: EncoderNetwork,
        layers: Sequence[Layer],
        *,
        projections: bool | Sequence[Sequence[Layer]] = False,
        l1: float = 1.0,
        cosine: float = 1.0,
        reduction: Reduction = "mean",
    ):
        super().__init__()
        _check_sizes(teacher, student)
        check_layers(layers, student.config.num_hidden_layers)
        _check_frames(teacher.config.samples_per_frame, student.config.samples_per_frame)
        self.layers = tuple(layers)
        self.l1, self.cosine, self.reduction = l1, cosine, reduction
        # In a tuple, so that its weights are neither trained, moved, nor saved with this module.
        self._teacher = (teacher.requires_grad_(False).eval(),)
        channels = kept_channels(teacher.shape["residual"], student.shape["residual"])
        self.register_buffer("channels", channels, persistent=False)
        width = student.config.hidden_size
        groups = [[layer] for layer in self.layers] if projections is True else list(projections or ())
        check_groups(groups, self.layers)
        self.projections = nn.ModuleList(identity(width) for _ in groups) if groups else None
        self._map_of = {layer: k for k, group in enumerate(groups) for layer in group}

    @property
    def teacher(self) -> EncoderNetwork:
        return self._teacher[0]

    @torch.no_grad()
    def targets(self, waveform: Tensor, lengths: Tensor | None) -> list[Tensor]:
        """The teacher's chosen hidden states ``[B, T, D_student]``, detached."""
        self.teacher.to(waveform.device)
        last = max((layer for layer in self.layers if isinstance(layer, int)), default=0)
        output = self.teacher(waveform, lengths, upto=last)
        return self.chosen(output.hidden_states, output.projected)

    def chosen(self, states: Sequence[Tensor], projected: Tensor | None = None) -> list[Tensor]:
        """Select the chosen layers and the channels of the student from the teacher's hidden states ``[B, T, D]``."""
        chosen = [_state(layer, states, projected) for layer in self.layers]
        return chosen if self.channels is None else [state[..., self.channels] for state in chosen]

    def forward(
        self,
        hidden_states: Sequence[Tensor],
        frames: Tensor | None,
        waveform: Tensor,
        lengths: Tensor | None = None,
        *,
        projected: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean or summed distance, and the distance in each layer by name.

        Args:
            hidden_states: the ``L + 1`` hidden states ``[B, T, D]`` of the student.
            frames: ``[B]`` valid frames of each utterance; ``None``: all.
            waveform: ``[B, S]`` input of the student at 16 kHz.
            lengths: ``[B]`` valid samples of each utterance; ``None``: all.
            projected: ``[B, T, D]`` of the student, if this is among the layers.
        """
        return self.distance(hidden_states, frames, self.targets(waveform, lengths), projected=projected)

    def distance(
        self,
        hidden_states: Sequence[Tensor],
        frames: Tensor | None,
        targets: Sequence[Tensor],
        *,
        projected: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """`forward` with the hidden states of the teacher from `targets`, so that the teacher need not run."""
        mask = None if frames is None else frame_mask(frames, hidden_states[0].shape[1])
        parts: dict[str, Tensor] = {}
        for layer, target in zip(self.layers, targets, strict=True):
            state = _state(layer, hidden_states, projected)
            if self.projections is not None:
                state = self.projections[self._map_of[layer]](state)
            parts[f"layer_{layer}"] = feature_distance(state, target, mask, l1=self.l1, cosine=self.cosine)
        distances = torch.stack(list(parts.values()))
        total = distances.mean() if self.reduction == "mean" else distances.sum()
        return total, {name: part.detach() for name, part in parts.items()}


def _state(layer: Layer, states: Sequence[Tensor], projected: Tensor | None) -> Tensor:
    if isinstance(layer, int):
        return states[layer]
    assert projected is not None  # an encoder returns it with its hidden states
    return projected


def identity(width: int) -> nn.Linear:
    """A linear map ``[width, width]`` that starts as the identity."""
    linear = nn.Linear(width, width)
    nn.init.eye_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def default_layers(layers: int, groups: int = 4) -> list[int]:
    """Hidden states at equal distances from the first to the last: 0, 4, 8, 12 of a Base encoder.

    Args:
        layers: number of layers ``L``.
        groups: number of hidden states, at most ``L + 1``.

    >>> default_layers(12), default_layers(24), default_layers(3)
    ([0, 4, 8, 12], [0, 8, 16, 24], [0, 1, 2, 3])
    """
    steps = min(groups - 1, layers)
    return sorted({round(k * layers / max(steps, 1)) for k in range(steps + 1)})


def _check_frames(of_teacher: int, of_student: int) -> None:
    if of_teacher != of_student:
        raise DistillationError(
            f"distillation: a frame of the teacher is {of_teacher / 16:g} ms and one of the student {of_student / 16:g} ms;"
            " take a teacher that was trained with the same downsampling"
        )


def check_groups(groups: Sequence[Sequence[Layer]], layers: Sequence[Layer]) -> None:
    """Raise `DistillationError` unless every layer is in exactly one group, or there are no groups."""
    if groups and sorted((layer for group in groups for layer in group), key=str) != sorted(layers, key=str):
        raise DistillationError(
            f"distillation: the projections are for the layers {[list(group) for group in groups]}, but {list(layers)} are"
            " imitated; every layer belongs in one group"
        )


def _check_sizes(teacher: EncoderNetwork, student: EncoderNetwork) -> None:
    layers = [each.config.num_hidden_layers for each in (teacher, student)]
    widths = [each.stream.original for each in (teacher, student)]
    if layers[0] != layers[1]:
        raise DistillationError(
            f"distillation: the teacher has {layers[0]} layers and the student {layers[1]}; take a teacher of the same depth"
        )
    if widths[0] != widths[1]:
        raise DistillationError(
            f"distillation: the teacher's hidden states have {widths[0]} channels and the student's {widths[1]}; take a "
            "teacher of the same width"
        )


def check_layers(layers: Sequence[Layer], count: int) -> None:
    """Raise `DistillationError` unless a network of ``count`` layers has all of these hidden states, each named once."""
    if not layers:
        raise DistillationError("distillation: no layers are chosen; name hidden states such as [0, 4, 8, 12]")
    for layer in layers:
        if isinstance(layer, int) and not 0 <= layer <= count:
            raise DistillationError(f"distillation: hidden state {layer} is chosen, but the network has 0..{count}")
    if len(set(layers)) < len(layers):
        raise DistillationError(f"distillation: a layer is chosen twice in {list(layers)}")
