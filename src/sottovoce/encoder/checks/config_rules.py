"""The values that an `EncoderConfig` may have. No real encoder comes near the bounds, and a network within them takes little
memory before its weights are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from ...errors import CheckpointError
from ...text.plain_data import whole_in
from ...text.suggestions import did_you_mean
from .values import (
    ANYTHING,
    FLAG,
    POSITIVE,
    PROBABILITY,
    TABLE,
    TEXT,
    WIDTH,
    Rule,
    check,
    number,
    one_of,
    or_none,
    several,
    short,
    whole,
)

Shape: TypeAlias = dict[str, Any]  # any: its depth differs from part to part, and code indexes it without asking
"""Nested plain data that mirrors the network: widths (int), lists of original ids, ``None`` for a removed block."""

LAYERS = 512
HEADS = 1024
TAPS = 4096
UNITS = 2**20

CHOICES = {
    "front_end": ("waveform", "filterbank", "samples", "features"),
    "filterbank": ("seamless", "wespeaker", "3d_speaker", "espnet"),
    "filterbank_scale": ("mel", "linear"),
    "feature_norm": ("utterance", "level", "mean", "running", "none"),
    "conv_norm": ("group", "layer"),
    "layer": ("post_norm", "pre_norm", "conformer"),
    "position": ("none", "gated_relative_bias", "relative_key", "rotary", "relative"),
    "convolution_norm": ("layer", "batch"),
    "activation": ("gelu", "relu", "swish", "silu"),
}
FLAGS = (
    "normalize",
    "conv_bias",
    "channel_scale",
    "projection_norm",
    "positional_norm",
    "causal_convolution",
    "final_norm",
    "s3prl_states",
)
PROBABILITIES = (
    "dropout",
    "attention_dropout",
    "activation_dropout",
    "projection_dropout",
    "convolution_dropout",
    "layerdrop",
    "full_context",
)
RULES: dict[str, Rule] = {
    **{name: one_of(*choices) for name, choices in CHOICES.items()},
    **dict.fromkeys(FLAGS, FLAG),
    **dict.fromkeys(PROBABILITIES, PROBABILITY),
    "family": TEXT,
    "fixed_samples": or_none(whole(1, 2**30)),
    "filterbank_bins": whole(1, TAPS),
    "stacked_windows": whole(1, 64),
    "conv_kernel": several(whole(1, TAPS), 1, 64),
    "conv_stride": several(whole(1, TAPS), 1, 64),
    "downsampling": whole(1, 64),
    "head_dim": whole(1, WIDTH),
    "attention_heads": whole(1, HEADS),
    "num_buckets": whole(2, WIDTH),
    "max_distance": whole(1, 2**20),
    "left_positions": whole(0, WIDTH),
    "right_positions": whole(0, WIDTH),
    "rotary_base": number(1, 1e12),
    "depthwise_kernel": whole(1, TAPS),
    "normalize_eps": POSITIVE,
    "layer_eps": POSITIVE,
    "norm_eps": POSITIVE,
    "initializer_range": number(0, 1e6),
    "chunk_frames": or_none(whole(1, 2**20)),
    "left_chunks": whole(0, 2**20),
    "training_chunks": or_none(several(whole(1, 2**20), 1, 1024)),
    "stock": or_none(TABLE),
    "origin": or_none(TABLE),
}

DTYPES = ("float32", "float16", "bfloat16", "float64")
"""The dtypes of torch that weights may have, by name, so that commands which only read configs do without torch."""


def dtype_name(value: object) -> str:
    """The name of a dtype: ``float32`` of ``torch.float32``."""
    return str(value).removeprefix("torch.")


COMMON: dict[str, Rule] = {
    "dtype": or_none(Rule(f"one of {', '.join(DTYPES)}", lambda value: dtype_name(value) in DTYPES)),
    "return_dict": or_none(FLAG),
    "output_hidden_states": or_none(FLAG),
    "output_attentions": one_of(None, False),
    "attn_implementation": one_of(None, "sdpa"),
    "architectures": or_none(several(TEXT)),
    "id2label": or_none(Rule("a table", lambda value: isinstance(value, Mapping))),
    "label2id": or_none(Rule("a table", lambda value: isinstance(value, Mapping))),
    "num_labels": or_none(whole(0, UNITS)),
    "problem_type": or_none(TEXT),
    "chunk_size_feed_forward": one_of(0),
    "is_encoder_decoder": one_of(False),
    "auto_map": or_none(TABLE),
    "model_type": TEXT,
    "transformers_version": or_none(TEXT),
    **dict.fromkeys(("name_or_path", "_name_or_path", "_commit_hash"), ANYTHING),  # source of the model
    "quantization_config": Rule(
        "a table", lambda value: value is None or isinstance(value, Mapping) or not _plain(value)
    ),
}
"""The fields that every config of Transformers may have."""
COMMON["torch_dtype"] = COMMON["dtype"]


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float | list)


WIDTHS: dict[str, Rule] = {
    "hidden_size": whole(1, WIDTH),
    "layers": whole(0, LAYERS),
    "heads": whole(0, HEADS),
    "ffn": whole(0, UNITS),
    "conv_channels": or_none(several(whole(1, WIDTH), 1, 64)),
    "positional_groups": or_none(whole(0, WIDTH)),
    "positional_taps": several(whole(1, TAPS), 1, 64),
    "convolution": or_none(whole(0, UNITS)),
}
"""Rules for the arguments of `uniform_shape`."""

BLOCKS = {
    "post_norm": ("attention", "feed_forward"),
    "pre_norm": ("attention", "feed_forward"),
    "conformer": ("feed_forward1", "attention", "convolution", "feed_forward2"),
}
"""Kind of layer -> its blocks."""


def ids(maximum: int) -> Rule:
    """Kept ids, as a list or as the text of ranges (``0-5,8``), which `ids_as_lists` reads."""
    listed = several(whole(0, maximum - 1), 0, maximum)

    def holds(value: Any) -> bool:
        return isinstance(value, str) or (listed.holds(value) and len(set(value)) == len(value))

    return Rule(f"ids from 0 to {maximum - 1}, none twice, such as '0-5,8'", holds)


WIDTH_RULES = {
    "heads": ids(HEADS),
    "groups": ids(WIDTH),
    "taps": several(whole(1, TAPS), 1, 64),
    "units": whole(0, UNITS),
    "ranks": whole(0, UNITS),
}
OF_BLOCK = {"attention": "heads", "convolution": "channels"}
"""Block -> name of its width; in all other blocks it is ``units``."""


def check_shape(shape: object, layer: str, convolutions: int | None, where: str) -> None:
    """Check a shape before a network is built from it.

    Args:
        shape: the shape in a config.
        layer: kind of its layers.
        convolutions: number of convolutions in its front end; ``None`` for a filterbank.
        where: place of the shape, for messages.

    Raises:
        CheckpointError: parts that are missing or unknown, or widths out of range.
    """
    parts = _parts(shape, ("frontend", "positional", "layers", "residual"), where, extras=True)
    check({"residual": parts["residual"]}, {"residual": ids(WIDTH)}, where)
    widths = {"channels": several(whole(1, WIDTH), convolutions, convolutions)} if convolutions is not None else {}
    front = _parts(parts["frontend"], tuple(widths), f"{where}.frontend", extras=True)
    check({name: front[name] for name in widths}, widths, f"{where}.frontend")
    if parts["positional"] is not None:
        named = ("groups", "taps")
        check(_parts(parts["positional"], named, f"{where}.positional"), WIDTH_RULES, f"{where}.positional")
    if not isinstance(parts["layers"], list) or len(parts["layers"]) > LAYERS:
        raise CheckpointError(
            f"{where}: layers is {short(parts['layers'])}; it must be a list of at most {LAYERS} layers"
        )
    for i, entry in enumerate(parts["layers"]):
        blocks = _parts(entry, BLOCKS[layer], f"{where}.layers[{i}]")
        for name, block in blocks.items():
            if block is not None:
                _check_block(name, block, f"{where}.layers[{i}].{name}")


def _check_block(name: str, block: Any, where: str) -> None:
    width = OF_BLOCK.get(name, "units")
    rule = whole(0, UNITS) if width == "channels" else WIDTH_RULES[width]
    check({width: _parts(block, (width,), where, extras=True)[width]}, {width: rule}, where)


def _parts(found: Any, wanted: tuple[str, ...], where: str, *, extras: bool = False) -> Mapping[str, Any]:
    """``found``, if it is a table of the ``wanted`` parts; ``extras`` allows factorized linear maps beside them."""
    if not isinstance(found, Mapping):
        raise CheckpointError(
            f"{where} is {short(found)}; it must be a table with {', '.join(wanted) or 'nothing in it'}"
        )
    for name in wanted:
        if name not in found:
            raise CheckpointError(f"{where} has no {name}; it must have {', '.join(wanted)}")
    for name, value in found.items():
        if name not in wanted and not (extras and _is_factored(value)):
            raise CheckpointError(f"{where}: {short(name)} is unknown; {did_you_mean(str(name), wanted)}")
    return found


def _is_factored(value: Any, depth: int = 6) -> bool:
    """Whether a part of a shape holds only ranks of linear maps: ``{"position": {"project": {"ranks": 3}}}``."""
    if not isinstance(value, Mapping) or not depth or not value:
        return False
    return all(
        WIDTH_RULES["ranks"].holds(each) if key == "ranks" else _is_factored(each, depth - 1)
        for key, each in value.items()
    )


def check_against_original(shape: Shape, original: Shape) -> None:
    """Check a shape against the one before pruning.

    Raises:
        CheckpointError: it has an element that the original shape lacks.
    """
    if len(shape["layers"]) > len(original["layers"]):
        raise CheckpointError(
            f"config: shape has {len(shape['layers'])} layers, but original_shape only {len(original['layers'])}"
        )
    pairs = [("residual", shape["residual"], original["residual"])]
    if shape["positional"] is not None:
        before = (original["positional"] or {}).get("groups", [])
        pairs.append(("positional.groups", shape["positional"]["groups"], before))
    before_them = original["layers"][: len(shape["layers"])]  # the last layers may have been removed
    for i, (now, was) in enumerate(zip(shape["layers"], before_them, strict=True)):
        if now["attention"] is not None:
            before = (was["attention"] or {}).get("heads", [])
            pairs.append((f"layers[{i}].attention.heads", now["attention"]["heads"], before))
    for where, now, was in pairs:
        if strange := set(now) - set(was):
            raise CheckpointError(f"config: shape.{where} has {min(strange)}, which the original shape has not")
    if not shape["residual"]:
        raise CheckpointError("config: shape.residual is empty; an encoder needs one channel at least")


WITHOUT_LAYERS = ("samples", "features")
"""Front ends of encoders without layers."""


def width_without_layers(fields: Mapping[str, object]) -> int:
    """The width of the frames of an encoder without layers, from the fields of its config."""
    if fields["front_end"] == "samples":
        return 1
    return whole_in(fields, "filterbank_bins") * whole_in(fields, "stacked_windows")


def check_without_layers(shape: Shape, fields: Mapping[str, object]) -> None:
    """Check the config of an encoder without layers.

    Args:
        shape: its shape.
        fields: its other fields.

    Raises:
        CheckpointError: it has a part that such an encoder lacks, or another width than its front end.
    """
    front = str(fields["front_end"])
    wanted = {"layer": "pre_norm", "position": "none", "downsampling": 1, "final_norm": False}
    found = {name: fields[name] for name in wanted}
    wanted |= {"layers": [], "positional": None, "residual": list(range(width_without_layers(fields)))}
    for name, value in (found | {name: shape[name] for name in ("layers", "positional", "residual")}).items():
        if value != wanted[name]:
            raise CheckpointError(
                f"config: {name} is {short(value)}; front_end {front} is for an encoder without layers, where it is"
                f" {short(wanted[name])}"
            )
