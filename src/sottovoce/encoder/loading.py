"""Loading that refuses what it cannot account for, and saving that others can load without this package."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn
from transformers.utils import logging

from .errors import CheckpointError


def listed(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def complaint(name: str, missing: list[str], surplus: list[str], misshapen: list[str]) -> CheckpointError | None:
    """The error that names what does not fit, or ``None`` when all does."""
    kinds = {"missing": missing, "surplus": surplus, "misshapen": misshapen}
    parts = [f"{len(found)} {kind} ({listed(found)})" for kind, found in kinds.items() if found]
    if not parts:
        return None
    return CheckpointError(f"{name}: the tensors do not fit the config: {'; '.join(parts)}")


@contextmanager
def _without_bars() -> Iterator[None]:
    """No bar of tensors read or written: it is over at once, and tears apart what a program shows of its own work. (That of a
    download stays.)"""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


class StrictLoading:
    """Mixin for a `PreTrainedModel`: strict ``from_pretrained``, and ``save_pretrained(portable=True)``."""

    portable_files: tuple[str, ...] = ()

    def load_strictly(self: Any, weights: Mapping[str, Tensor], name: str) -> None:
        """Copy ``weights`` into this module.

        Raises:
            CheckpointError: tensors missing, left over or of another shape; it names them.
        """
        own = self.state_dict()
        wrong = [
            f"{k} {tuple(weights[k].shape)} instead of {tuple(v.shape)}"
            for k, v in own.items()
            if k in weights and weights[k].shape != v.shape
        ]
        missing, surplus = [k for k in own if k not in weights], [k for k in weights if k not in own]
        if error := complaint(name, missing, surplus, wrong):
            raise error
        nn.Module.load_state_dict(self, weights)

    @classmethod
    def from_pretrained(cls: Any, name: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        report = kwargs.pop("output_loading_info", False)
        try:
            with _without_bars() if os.path.isdir(name) else nullcontext():
                model, info = super().from_pretrained(  # type: ignore[misc]
                    name, *args, output_loading_info=True, ignore_mismatched_sizes=True, **kwargs
                )
        except (SafetensorError, json.JSONDecodeError) as error:
            raise CheckpointError(f"{name}: damaged: {error}; copy it again from its source") from None
        except OSError as error:
            raise CheckpointError(f"{name}: {str(error).splitlines()[0]}") from None
        wrong = [f"{k[0]} {tuple(k[1])} instead of {tuple(k[2])}" for k in info["mismatched_keys"]]
        if fault := complaint(str(name), sorted(info["missing_keys"]), sorted(info["unexpected_keys"]), wrong):
            raise fault
        return (model, info) if report else model

    def save_pretrained(self: Any, directory: str | os.PathLike[str], *, portable: bool = False, **kwargs: Any) -> None:
        """Write ``config.json``, ``model.safetensors`` and a feature extractor for stock code.

        Args:
            portable: also write the modelling code, so that ``AutoModel.from_pretrained(directory,
                trust_remote_code=True)`` loads it where sottovoce is not installed.
        """
        with _without_bars():
            super().save_pretrained(directory, **kwargs)  # type: ignore[misc]
        feature_extractor().save_pretrained(directory)
        if portable:
            write_code(self, Path(directory))

    def auto_classes(self) -> dict[str, type]:
        """What a portable copy is loaded as: auto class -> class."""
        return {"AutoModel": type(self)}


def feature_extractor() -> Any:
    """A stock feature extractor: waveforms go in as they are, for normalisation and filterbank are in the model."""
    from transformers import Wav2Vec2FeatureExtractor

    return Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)


def write_processor(tokenizer: Any, directory: Path, *, portable: bool) -> None:
    """A stock processor of our feature extractor and a tokenizer, whose class is shipped if the rest of the code is."""
    from transformers import Wav2Vec2Processor

    Wav2Vec2Processor(feature_extractor(), tokenizer).save_pretrained(directory)
    if portable:
        kind = type(tokenizer)
        name = f"{Path(inspect.getfile(kind)).stem}.{kind.__name__}"
        _amend(directory / "tokenizer_config.json", {"auto_map": {"AutoTokenizer": [None, name]}})


RELATIVE = re.compile(r"^(\s*from )\.+(?:\w+\.)?(\w+)( import )", re.MULTILINE)
"""``from .x import`` and ``from ..folder.x import``: how the shipped files name one another."""


def write_code(model: Any, directory: Path) -> None:
    """Copy the modelling code beside the weights and say in ``config.json`` which classes to load (``auto_map``).

    A portable directory holds flat files only, so whatever folder a file comes from, it is imported from beside.
    """
    classes = {"AutoConfig": type(model.config), **model.auto_classes()}
    files = {name: Path(inspect.getfile(each)) for name, each in classes.items()}
    for source in sorted(_needed(list(files.values()))):
        text = RELATIVE.sub(r"\1.\2\3", source.read_text(encoding="utf-8"))
        (directory / source.name).write_text(text, encoding="utf-8")
    auto_map = {name: f"{files[name].stem}.{each.__name__}" for name, each in classes.items()}
    _amend(directory / "config.json", {"auto_map": auto_map})


def _amend(path: Path, fields: Mapping[str, Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **fields}, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _needed(files: list[Path]) -> set[Path]:
    """``files`` and every file that they import relatively, directly or not."""
    found, waiting = set(), list(files)
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for name in re.findall(r"^\s*from (\.+(?:\w+\.)?\w+) import ", file.read_text(encoding="utf-8"), re.MULTILINE):
            up = len(name) - len(name.lstrip("."))
            folder = file.parents[up - 1]
            waiting.append(folder.joinpath(*name.lstrip(".").split(".")).with_suffix(".py"))
    return found
