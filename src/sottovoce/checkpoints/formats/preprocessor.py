"""The preprocessing that a stock checkpoint asks for."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

from sottovoce.encoder.loading.model_files import Files, read_json
from sottovoce.errors import CheckpointError

from ...quantities import SAMPLE_RATE
from ..families.family import Family


def normalization(files: Files, family: Family, stock: PreTrainedConfig) -> tuple[bool, list[str]]:
    """Whether waveforms are brought to zero mean and unit variance, and a note where the checkpoint does not say so.

    Args:
        files: the files of the checkpoint.
        family: its family.
        stock: its stock config.

    Raises:
        CheckpointError: the checkpoint needs another sampling rate or other features.
    """
    settings: Any = read_json(files, "preprocessor_config.json")
    if settings is None and (processor := read_json(files, "processor_config.json")) is not None:
        settings = processor.get("feature_extractor")
    default = family.normalized(stock)
    if settings is None:
        what = "normalized" if default else "not normalized"
        note = f"{files.name}: no preprocessor_config.json; waveforms are {what}, as usual for this family"
        return default, [] if family.filterbank else [note]
    wanted = {"sampling_rate": SAMPLE_RATE, "num_mel_bins": 80, "stride": 2}
    for key, value in wanted.items():
        if settings.get(key, value) != value:
            raise CheckpointError(f"{files.name}: made for {key}={settings[key]}; only {value} is supported")
    if family.filterbank:
        return False, []
    return bool(settings.get("do_normalize", True)), []
