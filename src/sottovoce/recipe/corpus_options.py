"""A corpus in a recipe: synthesized, imported, given as manifests, or made from another corpus.

synthesize: {task: intent, speakers_train: 20}        options of the task: see `sottovoce.data.synthesis`
import: {path: meetings.rttm, layout: rttm, audio: wav, uem: all.uem}      options of the layout: see its function
cuts: {train: mine/train.jsonl.gz, dev: /disk2/shar/dev}                   manifests, or Shar directories
copies: {of: {import: {path: speech}}, split: train}                       bona fide speech and spoofed copies of it
converse: {of: {import: {path: /data/read}}}          conversations laid out from single voices
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..data.audio.channels import Channel
from ..data.corpora.audio_check import refuse_missing
from ..data.corpora.layouts import LAYOUTS, LAYOUTS_OF_CUTS
from ..data.corpora.layouts.options import options_model
from ..data.corpora.manifests import import_corpus
from ..data.synthesis import SYNTHESES, synthesize
from ..data.synthesis.copy_synthesis import MANIFEST, METHODS, copy_synthesize
from ..data.synthesis.resynthesis import ATTACKS
from ..data.synthesis.simulated_conversations import ConversationStyle, simulate_conversations
from ..data.synthesis.verification import TRIAL_FILES
from ..errors import DataError, RecipeError
from ..options import OneOf, Options, known_keys, one_of, problems_of
from ..options.bounds import MOST_SECONDS, SEEDS
from ..text.suggestions import did_you_mean
from .amounts import FileName, Length

if TYPE_CHECKING:
    from lhotse.cut import Cut

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (utterances made so far, all utterances)."""

ReadManifest: TypeAlias = Callable[[Path], "Sequence[Cut]"]
"""Reads a manifest. Each is read only once in a run."""


class PreparedCorpus(NamedTuple):
    """A corpus that is ready to use.

    Attributes:
        splits: the manifest of each split.
        trials: the trials of the corpus, by the split whose utterances they name.
    """

    splits: Mapping[str, Path]
    trials: Mapping[str, Path] = {}


class CorpusSource(Protocol):
    """What the sections of corpora have in common."""

    def splits(self) -> list[str] | None:
        """The names of the splits; ``None`` if they are unknown before the corpus is prepared."""

    def problems(self) -> Iterator[str]:
        """What is wrong inside the section, except for files that are missing."""

    def missing(self) -> list[str]:
        """Files and folders that should exist and do not."""

    def prepare(self, folder: Path, progress: Progress | None, read: ReadManifest) -> PreparedCorpus:
        """Make the corpus inside ``folder``, unless it exists already."""


class VariantOptions(Options, ABC):
    """A section in which one key decides which further keys exist. Their defaults are filled in like all others."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, object]

    @classmethod
    @abstractmethod
    def further(cls, section: Mapping[str, object]) -> type[BaseModel] | None:
        """The pydantic model of the further keys; ``None`` if the deciding key is wrong."""

    @property
    def options(self) -> dict[str, object]:
        """The further keys."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, section: Any) -> Any:
        model = cls.further(section) if isinstance(section, dict) else None
        own = known_keys(cls)
        try:
            further = {} if model is None else {key: section[key] for key in section if key not in own}
            filled = {} if model is None else model.model_validate(further).model_dump(mode="json")
        except ValidationError:
            return section  # `problems` reports what is wrong together with all other faults
        return {**section, **filled} if isinstance(section, dict) else section

    def option_problems(self, model: type[BaseModel]) -> Iterator[str]:
        """What is wrong with the further keys."""
        known = [*known_keys(type(self)), *model.model_fields]
        given = self.options
        for key in given.keys() - model.model_fields.keys():
            yield f"{key}: unknown; {did_you_mean(key, known)}"
        try:
            model.model_validate({key: given[key] for key in given if key in model.model_fields})
        except ValidationError as error:
            yield from problems_of(error, model)


class SynthesisOptions(VariantOptions):
    """A corpus of synthetic speakers, see `sottovoce.data.synthesis`; further keys are the options of its task."""

    task: str = "verification"
    folder: str | None = Field(None, description="where it is made or found; default: inside the run")

    @classmethod
    def further(cls, section: Mapping[str, object]) -> type[BaseModel] | None:
        return SYNTHESES.get(str(section.get("task", "verification")))

    def splits(self) -> list[str] | None:
        return [split for split in ("train", "dev", "test") if self.options.get(f"speakers_{split}") != 0]

    def trials(self) -> list[str]:
        """The splits for which it has trials."""
        return [split for split in self.splits() or () if self.task == "verification" and split in TRIAL_FILES]

    def problems(self) -> Iterator[str]:
        if self.task in SYNTHESES:
            yield from self.option_problems(SYNTHESES[self.task])
        else:
            yield f"task: no corpus is synthesized for {self.task!r}; {did_you_mean(self.task, SYNTHESES)}"

    def missing(self) -> list[str]:
        return []

    def prepare(self, folder: Path, progress: Progress | None, read: ReadManifest) -> PreparedCorpus:
        """Make the corpus, unless it exists already."""
        made = synthesize(Path(self.folder or folder), task=self.task, progress=progress, **self.options)
        splits = {split: made.cuts(split) for split in self.splits() or ()}
        return PreparedCorpus(splits, {split: made.folder / TRIAL_FILES[split] for split in self.trials()})


class ImportOptions(VariantOptions):
    """A corpus in one of the layouts that `import_corpus` knows; further keys are the options of the layout."""

    path: str
    layout: str = "table"
    split: FileName | None = Field(None, description="what a corpus of one split is called")
    channel: Channel | None = Field(None, description="of files with several, from 0; mix for the mean of all")
    skip_faulty: bool = Field(False, description="leave out utterances that cannot be used, instead of refusing")
    only: dict[str, str] = Field({}, description="leave out utterances whose fields say something else")

    @classmethod
    def further(cls, section: Mapping[str, object]) -> type[BaseModel] | None:
        layout = LAYOUTS.get(str(section.get("layout", "table")))
        return None if layout is None else options_model(layout)

    def splits(self) -> list[str] | None:
        return None if self.split is None else [self.split]  # otherwise known once the corpus has been read

    def problems(self) -> Iterator[str]:
        if self.layout not in LAYOUTS:
            yield f"layout: no layout is called {self.layout!r}; {did_you_mean(self.layout, LAYOUTS)}"
            return
        if self.channel is not None and self.layout in LAYOUTS_OF_CUTS:
            yield f"channel: the cuts of the layout {self.layout} say which channel they are of; leave it out"
        yield from self.option_problems(options_model(LAYOUTS[self.layout]))

    def missing(self) -> list[str]:
        found = [Path(self.path)]
        if self.layout in LAYOUTS:
            model = options_model(LAYOUTS[self.layout])
            try:
                found += [value for _, value in model.model_validate(self.options) if isinstance(value, Path)]
            except ValidationError:
                return []  # `problems` reports the options that are wrong
        return _absent(found)

    def prepare(self, folder: Path, progress: Progress | None, read: ReadManifest) -> PreparedCorpus:
        further: dict[str, Any] = self.options
        splits = import_corpus(
            self.path,
            folder,
            layout=self.layout,
            split=self.split,
            channel=self.channel,
            skip_faulty=self.skip_faulty,
            **further,
        )
        return PreparedCorpus(splits)


class ManifestOptions(Options):
    """Lhotse manifests: split -> ``.jsonl.gz``, or a Shar directory, whose audio stays in its tars."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[FileName, str]

    def splits(self) -> list[str] | None:
        return list(self.__pydantic_extra__)

    def only(self, splits: Collection[str]) -> ManifestOptions:
        """The section with these splits alone."""
        return ManifestOptions.model_validate({k: v for k, v in self.__pydantic_extra__.items() if k in splits})

    def problems(self) -> Iterator[str]:
        yield from ()

    def missing(self) -> list[str]:
        return _absent(map(Path, self.__pydantic_extra__.values()))

    def prepare(self, folder: Path, progress: Progress | None, read: ReadManifest) -> PreparedCorpus:
        given = {split: Path(path) for split, path in self.__pydantic_extra__.items()}
        indexed = {
            split: import_corpus(path, folder, layout="lhotse", split=split)[split]
            for split, path in given.items()
            if path.is_dir()
        }
        for split, path in given.items():
            if split not in indexed:
                refuse_missing(read(path), str(path))
        return PreparedCorpus(given | indexed)


def _absent(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths if not path.exists()]


@one_of({"synthesize": SynthesisOptions, "import": ImportOptions, "cuts": ManifestOptions})
class VoicesOptions(OneOf[CorpusSource]):
    """A corpus of single speakers."""


class ConversationOptions(Options):
    """Simulated conversations from utterances of single speakers, see `simulate_conversations`.

    Args:
        of: the corpus with the utterances.
        conversations: split of ``of`` -> number of conversations.
        folder: folder of the conversations; default: inside the run.
        seed: seed of all random choices.
        speakers, seconds, turn, overlap, pause, spread: see `ConversationStyle`.
    """

    of: VoicesOptions
    conversations: dict[FileName, Annotated[int, Field(ge=1, le=100_000)]] = Field({"train": 300}, min_length=1)
    folder: str | None = None
    seed: int = Field(0, ge=0, le=SEEDS)
    speakers: tuple[int, int] = ConversationStyle.speakers
    seconds: tuple[Length, Length] = ConversationStyle.seconds
    turn: float = ConversationStyle.turn
    overlap: float = ConversationStyle.overlap
    pause: float = ConversationStyle.pause
    spread: float = ConversationStyle.spread

    @model_validator(mode="after")
    def _possible(self) -> ConversationOptions:
        try:
            self.style()
        except DataError as error:
            raise ValueError(str(error)) from None
        return self

    def style(self) -> ConversationStyle:
        return ConversationStyle(self.speakers, self.seconds, self.turn, self.overlap, self.pause, self.spread)

    def splits(self) -> list[str] | None:
        return list(self.conversations)

    def problems(self) -> Iterator[str]:
        for problem in self.of.options.problems():
            yield f"of.{self.of.kind}.{problem}"
        known = self.of.options.splits()
        for split in self.conversations:
            if known is not None and split not in known:
                yield f"conversations: there is no split {split!r}; {did_you_mean(split, known)}"

    def missing(self) -> list[str]:
        return self.of.options.missing()

    def prepare(self, folder: Path, progress: Progress | None, read: ReadManifest) -> PreparedCorpus:
        """Make the conversations, unless they exist already. Returns the manifests of their splits."""
        found = self.of.options.prepare(folder / "voices", None, read).splits
        for split in self.conversations:
            if split not in found:
                raise RecipeError(f"converse: the voices have no split {split!r}; {did_you_mean(split, found)}")
        made = simulate_conversations(
            {split: list(read(found[split])) for split in self.conversations},
            Path(self.folder) if self.folder else folder / "conversations",
            conversations=self.conversations,
            style=self.style(),
            seed=self.seed,
            progress=progress,
        )
        return PreparedCorpus(made)


class CopySynthesisOptions(Options):
    """Bona fide speech and spoofed copies of it, see `sottovoce.data.synthesis.copy_synthesis.copy_synthesize`.

    Args:
        of: the corpus with bona fide speech.
        split: split of this corpus; the split of the result has the same name.
        methods, copies, seconds, stretches, seed: arguments of that function.
    """

    of: VoicesOptions
    split: str = "train"
    methods: list[Literal[tuple(ATTACKS)]] = Field(list(METHODS), min_length=1)  # type: ignore[valid-type]
    copies: int = Field(2, ge=1, le=1_000)
    seconds: float = Field(2.5, gt=0, le=MOST_SECONDS)
    stretches: int = Field(3, ge=1, le=10_000)
    seed: int = Field(0, ge=0, le=SEEDS)

    def splits(self) -> list[str] | None:
        return [self.split]

    def problems(self) -> Iterator[str]:
        for problem in self.of.options.problems():
            yield f"of.{self.of.kind}.{problem}"
        known = self.of.options.splits()
        if known is not None and self.split not in known:
            yield f"split: there is no split {self.split!r}; {did_you_mean(self.split, known)}"

    def missing(self) -> list[str]:
        return self.of.options.missing()

    def prepare(self, folder: Path, progress: Progress | None, read: ReadManifest) -> PreparedCorpus:
        """Make the copies, unless they exist already."""
        found = self.of.options.prepare(folder / "speech", None, read).splits
        if self.split not in found:
            raise RecipeError(f"copies: the speech has no split {self.split!r}; {did_you_mean(self.split, found)}")
        made = folder / MANIFEST
        if not made.exists():
            shutil.rmtree(folder / "audio", ignore_errors=True)  # left by a run that was killed before the manifest
            options = self.model_dump(include={"methods", "copies", "seconds", "stretches", "seed"})
            copy_synthesize(read(found[self.split]), folder, progress=progress, **options)
        return PreparedCorpus({self.split: made})


@one_of(
    {
        "synthesize": SynthesisOptions,
        "import": ImportOptions,
        "cuts": ManifestOptions,
        "converse": ConversationOptions,
        "copies": CopySynthesisOptions,
    }
)
class CorpusOptions(OneOf[CorpusSource]):
    """A corpus: where it comes from."""
