"""A corpus in a recipe: made, imported, there as manifests, or laid out from the voices of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from ..data.conversations import Manner, converse
from ..data.cuts import read_cuts
from ..data.manifests import import_corpus
from ..data.synthesis import synthesize
from ..encoder.errors import DataError, RecipeError
from ..tasks.options import Options, nearest, one_of

Told = Callable[[int, int], None]
"""``told(done, total)``."""


class Synthesize(Options):
    """A corpus of invented speakers, see `sottovoce.data.synthesis.synthesize`."""

    speakers_train: int = Field(80, ge=2)
    speakers_test: int = Field(40, ge=2)
    utterances: int = Field(12, ge=3)
    seed: int = Field(0, ge=0)
    folder: str | None = Field(None, description="where it is made or found; default: inside the run")

    def splits(self) -> list[str] | None:
        return ["train", "test"]

    def problems(self) -> Iterator[str]:
        return iter(())

    def prepare(self, folder: Path, told: Told | None) -> dict[str, Path]:
        """Make it, or find it made; the manifests of its splits, and its trials."""
        made = synthesize(
            Path(self.folder) if self.folder else folder,
            speakers_train=self.speakers_train,
            speakers_test=self.speakers_test,
            utterances=self.utterances,
            seed=self.seed,
            progress=told,
        )
        return {"train": made.train, "test": made.test, "": made.trials}


class Import(Options):
    """A corpus in one of the layouts that `sottovoce.data.manifests.import_corpus` knows."""

    path: str
    layout: str = "table"
    drop_faulty: bool = Field(False, description="leave out utterances that cannot be used, instead of refusing")
    only: dict[str, str] = Field({}, description="leave out utterances whose fields say something else")
    rttm: str | None = Field(None, description="who speaks when: a file, or a folder of them (layout: table)")
    uem: str | None = Field(None, description="what is scored: a file, or a folder of them (layouts: rttm, table)")

    def splits(self) -> list[str] | None:
        return None  # known once it has been read

    def problems(self) -> Iterator[str]:
        if not Path(self.path).exists():
            yield f"path: {self.path} does not exist"
        for name, path in self._annotations().items():
            if not path.exists():
                yield f"{name}: {path} does not exist"

    def prepare(self, folder: Path, told: Told | None) -> dict[str, Path]:
        how: dict[str, Any] = {"layout": self.layout, "drop_faulty": self.drop_faulty, **self._annotations()}
        return import_corpus(self.path, folder, **how)

    def _annotations(self) -> dict[str, Path]:
        return {name: Path(path) for name, path in (("rttm", self.rttm), ("uem", self.uem)) if path is not None}


class Manifests(Options):
    """Lhotse manifests: split -> ``.jsonl.gz``."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str]

    def splits(self) -> list[str] | None:
        return list(self.__pydantic_extra__)

    def problems(self) -> Iterator[str]:
        for split, path in self.__pydantic_extra__.items():
            if not Path(path).is_file():
                yield f"{split}: {path} does not exist"

    def prepare(self, folder: Path, told: Told | None) -> dict[str, Path]:
        return {split: Path(path) for split, path in self.__pydantic_extra__.items()}


VoicesOptions: Any = one_of("VoicesOptions", {"synthesize": Synthesize, "import": Import, "cuts": Manifests})


class Converse(Options):
    """Conversations laid out from utterances of single speakers, see `sottovoce.data.conversations.converse`.

    Args:
        of: the utterances.
        conversations: split of ``of`` -> how many.
        folder: where they are made or found; default: inside the run.
        seed: of everything random.
        speakers, seconds, turn, overlap, pause, spread: see `sottovoce.data.conversations.Manner`.
    """

    of: VoicesOptions
    conversations: dict[str, int] = Field({"train": 300}, min_length=1)
    folder: str | None = None
    seed: int = Field(0, ge=0)
    speakers: tuple[int, int] = Manner.speakers
    seconds: tuple[float, float] = Manner.seconds
    turn: float = Manner.turn
    overlap: float = Manner.overlap
    pause: float = Manner.pause
    spread: float = Manner.spread

    @model_validator(mode="after")
    def _possible(self) -> Converse:
        try:
            self.manner()
        except DataError as error:
            raise ValueError(str(error)) from None
        return self

    def manner(self) -> Manner:
        return Manner(self.speakers, self.seconds, self.turn, self.overlap, self.pause, self.spread)

    def splits(self) -> list[str] | None:
        return list(self.conversations)

    def problems(self) -> Iterator[str]:
        for problem in self.of.options.problems():
            yield f"of.{self.of.kind}.{problem}"
        known = self.of.options.splits()
        for split, count in self.conversations.items():
            if known is not None and split not in known:
                yield f"conversations: there is no split {split!r}; {nearest(split, known)}"
            if count < 1:
                yield f"conversations.{split}: {count} are none"

    def prepare(self, folder: Path, told: Told | None) -> dict[str, Path]:
        """Make them, or find them made; the manifests of their splits."""
        found = self.of.options.prepare(folder / "voices", None)
        for split in self.conversations:
            if split not in found:
                raise RecipeError(f"converse: the voices have no split {split!r}; {nearest(split, found)}")
        return converse(
            {split: list(read_cuts(found[split])) for split in self.conversations},
            Path(self.folder) if self.folder else folder / "conversations",
            conversations=self.conversations,
            manner=self.manner(),
            seed=self.seed,
            progress=told,
        )


CorpusOptions: Any = one_of(
    "CorpusOptions", {"synthesize": Synthesize, "import": Import, "cuts": Manifests, "converse": Converse}
)
