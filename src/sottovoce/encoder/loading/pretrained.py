"""Strict loading, and saving with the modeling code so that a model loads without sottovoce."""

from __future__ import annotations

import inspect
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedConfig
from transformers.utils import logging

from ...errors import CheckpointError
from ...file_modes import apply_umask
from ...text.one_line import one_line_errors
from ..checks.checked_config import CheckedConfig
from ..checks.finite import check_finite, unknown_yet
from .loading_options import split_options
from .model_files import Directory, Files, is_file, locate, model_type, read_json
from .portable_files import portable_code
from .uninitialized import without_memory
from .weight_files import read_safetensors, read_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel as _Base
    from transformers import PreTrainedTokenizerBase, Wav2Vec2FeatureExtractor
else:
    _Base = object  # `StrictLoading` is a mixin, whose classes inherit `PreTrainedModel` themselves


def listed(names: list[str], limit: int = 5) -> str:
    """Names in a line: the first ``limit`` of them, and how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def mismatch_error(name: str, missing: list[str], surplus: list[str], misshapen: list[str]) -> CheckpointError | None:
    """The error for tensors that do not fit a config; ``None`` if all fit."""
    kinds = {"missing": missing, "surplus": surplus, "misshapen": misshapen}
    parts = [f"{len(found)} {kind} ({listed(found)})" for kind, found in kinds.items() if found]
    if not parts:
        return None
    return CheckpointError(f"{name}: the tensors do not fit the config: {'; '.join(parts)}")


def check_fit(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], name: str) -> None:
    """Check that weights fit the tensors of a model.

    Args:
        expected: the tensors of the model by name.
        weights: the weights by name.
        name: name of the checkpoint, for messages.

    Raises:
        CheckpointError: tensors that are missing, left over, of another shape, or not floating-point where they must be.
    """
    misshapen = [
        f"{k} {tuple(weights[k].shape)} instead of {tuple(v.shape)}"
        for k, v in expected.items()
        if k in weights and weights[k].shape != v.shape
    ]
    missing, surplus = [k for k in expected if k not in weights], [k for k in weights if k not in expected]
    if error := mismatch_error(name, missing, surplus, misshapen):
        raise error
    for key, tensor in expected.items():
        if tensor.is_floating_point() != weights[key].is_floating_point():
            raise CheckpointError(
                f"{name}: {key} holds {weights[key].dtype}, not {tensor.dtype}; copy it again from its source"
            )


def blueprint(kind: type[nn.Module], config: PreTrainedConfig) -> dict[str, Tensor]:
    """Names and shapes of the tensors of a model, without memory for their values."""
    with without_memory():
        return kind(config).state_dict()


def files_of(name: str | os.PathLike[str], hub: dict[str, object]) -> Files:
    """The files of a model: a directory, a repository of the hub, or the directory around a weights file."""
    path = Path(name)
    return Directory(path.parent) if is_file(path) else locate(path, hub)


@contextmanager
def without_report() -> Iterator[None]:
    """Silence the progress bar of tensors and the messages of Transformers while it loads or saves.

    The bar breaks the output of the calling program, and tensors that do not fit are an error of ours. Bars of downloads
    stay.
    """
    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


class StrictLoading(_Base):
    """Mixin for a `PreTrainedModel`: strict ``from_pretrained``, and ``save_pretrained(portable=True)``."""

    def load_strictly(self, weights: Mapping[str, Tensor], name: str) -> None:
        """Copy ``weights`` into this module.

        Raises:
            CheckpointError: tensors missing, left over, of another shape or not finite; it names them.
        """
        check_fit(self.state_dict(), weights, name)
        nn.Module.load_state_dict(self, weights)
        check_finite(self.state_dict(), name, unknown_yet(self))

    @classmethod
    def from_pretrained(  # type: ignore[override]  # the name of the first parameter
        cls,
        name: str | os.PathLike[str],
        *,
        config: CheckedConfig | str | os.PathLike[str] | None = None,
        **kwargs: Any,
    ) -> Self:
        """See the subclasses. `convert` reads other formats. Config and weights are checked here; Transformers then puts
        the weights where its options say."""
        config_class: Any = cls.config_class
        options = split_options(cls.__name__, config_class.changeable(), kwargs)
        files = files_of(name, options.hub)
        source = files if config is None else cls._config_source(config, options.hub)
        with one_line_errors(str(name)):
            found = cls._config(source)
            if found is not None:
                weights: Mapping[str, Tensor] = cls._weights(name, files)
                dtype = options.dtype or "auto"
            else:
                found, weights, notes = cls.convert(name, files)
                for note in notes:
                    warnings.warn(note, stacklevel=4)
                dtype = options.dtype or torch.float32
            if options.changes:
                found = config_class.from_dict(found.to_dict(), **options.changes)
            check_fit(blueprint(cls, found), weights, str(name))
        with one_line_errors(str(name), "cannot be loaded so", "change the options of from_pretrained"):
            with without_report():
                settings: Any = {"dtype": dtype, "output_loading_info": True, **options.placing}
                loaded: Any = super().from_pretrained(None, config=found, state_dict=weights, **settings)
                model, info = loaded
            check_finite(model.state_dict(), str(name), unknown_yet(model))
        model.name_or_path = model.config.name_or_path = str(name)
        return loaded if options.report else model

    @classmethod
    def convert(
        cls, name: str | os.PathLike[str], files: Files
    ) -> tuple[CheckedConfig, Mapping[str, Tensor], list[str]]:
        """Config, weights and notes for the user of a checkpoint in another format.

        Args:
            name: as the caller gave it.
            files: the files of the checkpoint.

        Raises:
            CheckpointError: the format is unknown, the checkpoint is damaged, or its weights do not fit the config.
        """
        raise NotImplementedError

    @classmethod
    def _config_source(cls: Any, config: Any, hub: dict[str, Any]) -> Any:
        """The config that the caller gives, or the files that hold it.

        Raises:
            TypeError: it is neither.
        """
        if isinstance(config, str | os.PathLike):
            return files_of(config, hub)
        # Compared by model_type, because the file of a portable copy may be loaded twice, which makes two classes.
        if getattr(config, "model_type", None) == cls.config_class.model_type:
            return config
        raise TypeError(f"config is a {type(config).__name__}; give a {cls.config_class.__name__}, or leave it out")

    @classmethod
    def _config(cls: Any, source: Any) -> Any:
        """The config, given or in a ``config.json``; ``None`` where the file is of another class."""
        if isinstance(source, PreTrainedConfig):
            return source if isinstance(source, cls.config_class) else cls.config_class(**source.to_dict())
        fields = read_json(source, "config.json")
        ours = model_type(fields) == cls.config_class.model_type
        return cls.config_class.from_file(fields, source.name) if ours else None

    @staticmethod
    def _weights(name: str | os.PathLike[str], files: Files) -> dict[str, Tensor]:
        path = Path(name)
        return read_safetensors(path) if path.suffix == ".safetensors" and is_file(path) else read_weights(files)

    def save_pretrained(  # type: ignore[override]  # the name of the first parameter
        self, directory: str | os.PathLike[str], *, portable: bool = False, **kwargs: Any
    ) -> None:
        """Write ``config.json``, ``model.safetensors`` and a feature extractor for stock code.

        Args:
            portable: also write the modeling code, so that ``AutoModel.from_pretrained(directory,
                trust_remote_code=True)`` loads it where sottovoce is not installed.

        Raises:
            CheckpointError: a part of the model comes from a package that cannot be shipped.
        """
        code = portable_files(self) if portable else {}
        with without_report():
            super().save_pretrained(directory, **kwargs)
        if not self.state_dict():  # Transformers writes no file for an encoder that has no weights
            save_file({}, Path(directory) / "model.safetensors")
        for weights in Path(directory).glob("*.safetensors"):
            apply_umask(weights)
        feature_extractor().save_pretrained(directory)
        if portable:
            write_code(self, code, Path(directory))

    def auto_classes(self) -> dict[str, type]:
        """The classes that load a portable copy: auto class -> class."""
        return {"AutoModel": type(self)}

    def added_classes(self) -> dict[str, dict[str, type]]:
        """Classes of other packages that the model is made of: entry point group -> name -> class."""
        return {}


def feature_extractor() -> Wav2Vec2FeatureExtractor:
    """A stock feature extractor that leaves waveforms as they are, because the model normalizes them itself."""
    from transformers import Wav2Vec2FeatureExtractor

    return Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)


def write_processor(tokenizer: PreTrainedTokenizerBase, directory: Path, *, portable: bool) -> None:
    """Write a stock processor: our feature extractor and a tokenizer.

    Args:
        tokenizer: the tokenizer.
        directory: the model directory.
        portable: whether the modeling code is in the directory too, so that the class of the tokenizer is named (``auto_map``).
    """
    from transformers import Wav2Vec2Processor

    Wav2Vec2Processor(feature_extractor(), tokenizer).save_pretrained(directory)
    if portable:
        kind = type(tokenizer)
        name = f"{Path(inspect.getfile(kind)).stem}.{kind.__name__}"
        _amend(directory / "tokenizer_config.json", {"auto_map": {"AutoTokenizer": [None, name]}})


def portable_files(model: StrictLoading) -> dict[str, str]:
    """The files of code beside the weights of a portable copy, name -> text.

    Raises:
        CheckpointError: a part of the model comes from a package that cannot be shipped.
    """
    return portable_code([type(model.config), *model.auto_classes().values()], model.added_classes())


def write_code(model: StrictLoading, code: Mapping[str, str], directory: Path) -> None:
    """Write the modeling code beside the weights and say in ``config.json`` which classes to load (``auto_map``)."""
    for name, text in code.items():
        (directory / name).write_text(text, encoding="utf-8")
    classes = {"AutoConfig": type(model.config), **model.auto_classes()}
    auto_map = {name: f"{Path(inspect.getfile(each)).stem}.{each.__name__}" for name, each in classes.items()}
    _amend(directory / "config.json", {"auto_map": auto_map})


def _amend(path: Path, fields: Mapping[str, Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **fields}, indent=2, allow_nan=False) + "\n", encoding="utf-8")
