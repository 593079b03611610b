"""Chunks of another size in every training step, so that one model streams at several latencies, and without a stream."""

from __future__ import annotations

import random

from lightning.pytorch import Callback, LightningModule, Trainer

from ..encoder.config import EncoderConfig
from ..encoder.network import EncoderNetwork
from ..encoder.streaming.chunks import Chunks
from .randomness import seed_of


class RandomChunks(Callback):
    """Draws what the frames of some encoders see, anew for every batch; after it, they see what their configs say.

    A teacher that streams sees what its student sees: neither more, which cannot be imitated, nor less.

    Args:
        encoders: all get the draw; the first one's config says of which sizes.
        seed, stage: what a draw is a function of, besides step, batch of the step, and rank.
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
    """What frames see in one step; ``None`` for everything."""
    chance = random.Random(seed)
    if chance.random() < config.full_context:
        return None
    sizes = config.training_chunks
    return config.chunks if not sizes else Chunks(chance.choice(sizes), config.left_chunks)
