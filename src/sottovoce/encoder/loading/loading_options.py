"""What ``from_pretrained`` takes: each option works as in Transformers, or is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from ...errors import CheckpointError
from ...text.suggestions import did_you_mean
from ..checks.config_rules import DTYPES

HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")
"""Where files are looked for."""

PLACEMENT_OPTIONS = (
    "device_map",
    "max_memory",
    "offload_folder",
    "offload_buffers",
    "quantization_config",
    "distributed_config",
    "tp_plan",
    "tp_size",
    "device_mesh",
)
"""Where weights go and in what form: handed on to Transformers."""

FIXED_OPTIONS: dict[str, tuple[Any, ...]] = {
    "attn_implementation": (None, "sdpa"),
    "output_attentions": (None, False),
    "output_hidden_states": (None, True),
    "use_safetensors": (None, True),
    "weights_only": (None, True),
    "ignore_mismatched_sizes": (None, False),
    "state_dict": (None,),
    "variant": (None,),
    "proxies": (None,),
    "gguf_file": (None,),
    "key_mapping": (None,),
    "generation_config": (None,),
    "use_kernels": (None, False),
}
"""What can only be as it is here; saying so is no fault."""

IGNORED_OPTIONS = (
    "trust_remote_code",
    "code_revision",
    "adapter_kwargs",
    "low_cpu_mem_usage",
    "_from_auto",
    "_from_pipeline",
    "_commit_hash",
    "_fast_init",
)
"""What the auto classes and pipelines of Transformers pass along, and what Transformers itself no longer heeds: it says
nothing about a model."""


@dataclass(frozen=True)
class LoadingOptions:
    """The keywords of one call, by what they are about.

    Args:
        hub: where files are looked for.
        changes: fields of the config that are to be otherwise.
        placing: where weights go, handed on to Transformers.
        dtype: of the weights; ``None`` where nothing is said, ``"auto"`` for that of the checkpoint.
        report: whether the loading info is wanted too.
    """

    hub: dict[str, Any]
    changes: dict[str, Any]
    placing: dict[str, Any]
    dtype: torch.dtype | str | None
    report: bool


def split_options(name: str, fields: Iterable[str], given: Mapping[str, Any]) -> LoadingOptions:
    """The keywords of a ``from_pretrained``.

    Args:
        name: of the class.
        fields: of its config.
        given: the keywords.

    Raises:
        TypeError: one that is unknown, or that cannot be heeded.
        CheckpointError: a dtype that is none.
    """
    fields = tuple(fields)
    own = (
        "config",
        "dtype",
        "torch_dtype",
        "output_loading_info",
        *HUB_OPTIONS,
        *PLACEMENT_OPTIONS,
        *FIXED_OPTIONS,
        *IGNORED_OPTIONS,
    )
    for option, value in given.items():
        if option in FIXED_OPTIONS and not any(value is each or value == each for each in FIXED_OPTIONS[option]):
            able = " or ".join(repr(each) for each in FIXED_OPTIONS[option])
            raise TypeError(f"{name}.from_pretrained: {option}={value!r} cannot be heeded, only {able}")
        if option not in own and option not in fields:
            public = [each for each in (*own, *fields) if not each.startswith("_")]
            hint = "" if option.startswith("_") else did_you_mean(option, public)
            raise TypeError(f"{name}.from_pretrained: unknown option {option!r}; {_shortened(hint)}")
    dtype = given.get("dtype")
    return LoadingOptions(
        {key: given[key] for key in HUB_OPTIONS if given.get(key) is not None},
        {key: value for key, value in given.items() if key in fields},
        {key: given[key] for key in PLACEMENT_OPTIONS if given.get(key) is not None},
        _dtype(dtype if dtype is not None else given.get("torch_dtype")),
        bool(given.get("output_loading_info")),
    )


def _shortened(hint: str) -> str:
    """A hint without the names of 80 options."""
    return hint if hint.startswith("did you mean") else "see the documentation of the class for those that there are"


def _dtype(said: Any) -> torch.dtype | str | None:
    if said is None or said == "auto":
        return said
    found = DTYPES.get(said.removeprefix("torch.")) if isinstance(said, str) else said
    if found not in DTYPES.values():
        raise CheckpointError(f"dtype is {said!r}, which weights cannot have; {did_you_mean(str(said), DTYPES)}")
    return found
