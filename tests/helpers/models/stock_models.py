"""Stock models with heads, tiny and every parameter random, as Transformers saves them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers as tf
from torch import Tensor
from transformers import PreTrainedModel

from stock_layouts import stem, with_head

TOKENS = ["<s>", "</s>", "<unk>", "|", "E", "T", "A", "'", "O", "<pad>", "N"]
"""A vocabulary whose blank is not the first, as in many published ones."""


def save(
    family: str, head: str, place: Path, seed: int = 0, tokens: dict[str, object] | None = None, **config: object
) -> PreTrainedModel:
    """A stock model ``family`` ``For`` ``head``, written with its feature extractor and, for CTC, its tokenizer.

    Args:
        tokens: options of the tokenizer.
        config: further fields of the stock config.
    """
    model = with_head(family, getattr(tf, f"{stem(family)}For{head}"), seed, **config)
    if head == "CTC":
        with torch.no_grad():  # or every frame says the same
            model.lm_head.weight.mul_(8)
    model.save_pretrained(place)
    if family == "wav2vec2_bert":
        tf.SeamlessM4TFeatureExtractor().save_pretrained(place)
    else:
        tf.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(place)
    if head == "CTC":
        (place / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(TOKENS)}))
        tf.Wav2Vec2CTCTokenizer(str(place / "vocab.json"), **(tokens or {})).save_pretrained(place)
    return model


def stock_inputs(place: Path, wave: Tensor) -> dict[str, Tensor]:
    """What the stock feature extractor makes of one utterance ``[S]``, frames that it invents cut off."""
    made = tf.AutoFeatureExtractor.from_pretrained(place)(wave.numpy(), sampling_rate=16000, return_tensors="pt")
    if "input_features" in made:
        return {"input_features": made["input_features"][:, made["attention_mask"][0].bool()]}
    return {"input_values": made["input_values"]}
