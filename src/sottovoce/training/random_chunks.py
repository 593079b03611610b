"""Random chunk sizes in training, so that one model works at several streaming latencies and without streaming."""

from __future__ import annotations

import random

from lightning.pytorch import Callback, LightningModule, Trainer

from ..encoder.config import EncoderConfig
from ..encoder.network import EncoderNetwork
from ..encoder.streaming.chunks import Chunks
from .randomness import seed_of


class RandomChunks(Callback):
    """Draws chunks of encoders for every batch. After the batch, the chunks of their configs apply again.

    A streaming teacher gets the same chunks as its student, because a student cannot imitate outputs with more context.

    Args:
        encoders: the encoders that get the drawn chunks; the config of the first one has the sizes to draw from.
        seed, stage: seed and stage name, which determine a draw with step, batch of the step, and rank.
    """

    def __init__(self, *encoders: EncoderNetwork, seed: int, stage: str):
        self.encoders, self._place = encoders, (seed, stage, "chunks")

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, batch: object, batch_idx: int) -> None:
        micro = batch_idx % trainer.accumulate_grad_batches
        drawn = draw_chunks(
            self.encoders[0].config, seed_of(*self._place, trainer.global_step, micro, module.global_rank)
        )
        for encoder in self.encoders:
            encoder.chunks = drawn

    def on_train_batch_end(self, *_: object, **__: object) -> None:
        for encoder in self.encoders:
            encoder.chunks = encoder.config.chunks


def draw_chunks(config: EncoderConfig, seed: int) -> Chunks | None:
    """The chunks of one step; ``None`` for attention over the whole utterance."""
    chance = random.Random(seed)
    if chance.random() < config.full_context:
        return None
    sizes = config.training_chunks
    return config.chunks if not sizes else Chunks(chance.choice(sizes), config.left_chunks)
