"""The options of ``from_pretrained``: each works as in Transformers, or is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch

from ...errors import CheckpointError
from ...text.suggestions import did_you_mean
from ..checks.config_rules import DTYPES, dtype_name

HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")
"""Options that say where files are."""

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
"""Options that say where weights go and in what form, which are passed on to Transformers."""

FIXED_OPTIONS: dict[str, tuple[object, ...]] = {
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
"""Options that have only some values here -> the values that are supported."""

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
"""Options that have no effect: the auto classes and pipelines of Transformers pass them along, or Transformers ignores
them too."""


@dataclass(frozen=True)
class LoadingOptions:
    """The options of one call by purpose.

    Args:
        hub: options that say where files are.
        changes: new values for fields of the config.
        placing: options that say where weights go, for Transformers.
        dtype: dtype of the weights; ``None`` where none is given, ``"auto"`` for that of the checkpoint.
        report: whether the caller asks for the loading info too.
    """

    hub: dict[str, object]
    changes: dict[str, object]
    placing: dict[str, object]
    dtype: torch.dtype | str | None
    report: bool


def split_options(name: str, fields: Iterable[str], given: Mapping[str, object]) -> LoadingOptions:
    """The options of ``from_pretrained``, checked and sorted.

    Args:
        name: name of the class, for messages.
        fields: names of the fields of its config.
        given: the keyword arguments of the call.

    Raises:
        TypeError: an option that is unknown or has a value that is not supported.
        CheckpointError: a dtype that does not exist.
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
            supported = " or ".join(repr(each) for each in FIXED_OPTIONS[option])
            raise TypeError(f"{name}.from_pretrained: {option}={value!r} is not supported, only {supported}")
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
    """A hint that does not list all options."""
    return hint if hint.startswith("did you mean") else "see the documentation of the class for its options"


def _dtype(given: object) -> torch.dtype | str | None:
    if given is None or given == "auto":
        return None if given is None else "auto"
    if not isinstance(given, str | torch.dtype) or (name := dtype_name(given)) not in DTYPES:
        raise CheckpointError(f"dtype is {given!r}, which weights cannot have; {did_you_mean(str(given), DTYPES)}")
    return getattr(torch, name)
