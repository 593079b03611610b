"""The data section of a recipe: named corpora, training data, and test sets.

data:
  corpora:
    synthetic: {synthesize: {speakers_train: 80, speakers_test: 40}}     # splits train, test; trials
    said: {synthesize: {task: recognition, styles: [command]}}           # and dev; a corpus for any task
    wuw2: {import: {path: /data/wuw2, layout: table}}                    # splits as the corpus names them
    talks: {converse: {of: {import: {path: /data/read}}}}                # conversations simulated from single voices
    meetings: {import: {path: /data/rttm, layout: rttm, audio: /data/wav, split: train}}
    spoken: {import: {path: /data/wuw2, only: {asr_ok: "1"}}}            # the utterances with this in a column
    mine: {cuts: {train: mine/train.jsonl.gz, more: /disk2/shar}}        # Lhotse manifests, Shar directories
  train: [synthetic/train, wuw2/train, wuw2/train@1.1]                 # the last: played faster, as other speakers
  test:
    unseen voices: {cuts: synthetic/test, trials: synthetic}
    telephone: {cuts: wuw2/dev, trials: /data/wuw2/trials/dev_sentence.txt}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from ..data.corpora.cuts import cut_field, cut_speaker, read_cuts
from ..errors import RecipeError
from ..metrics.detection.trials import read_trials
from ..options import Options
from ..tasks.task import EvaluationData
from ..text.suggestions import did_you_mean
from .amounts import MOST_UTTERANCES, Crop, FileName
from .corpus_options import (
    CorpusOptions,
    CorpusSource,
    ImportOptions,
    ManifestOptions,
    PreparedCorpus,
    Progress,
    SynthesisOptions,
)
from .held_out import HeldOut, hold_out
from .training.augmentation import Augmentation

if TYPE_CHECKING:
    from lhotse import SupervisionSegment
    from lhotse.cut import Cut


FILES_NAMED = 3
"""Number of missing files that a message names."""


class TestSet(Options):
    """Utterances, and the trials over them if the task is scored on trials.

    Args:
        cuts: ``corpus/split``, or several.
        trials: a trials file, or the name of a synthesized corpus, which has trials of its own.
        key: a file with the labels of the trials, if the trials file has none; see `read_trials`.
        enroll: a file that names the utterance of each enrollment; see `read_trials`.
    """

    cuts: str | list[str]
    trials: str | None = None
    key: str | None = None
    enroll: str | None = None

    @property
    def references(self) -> list[str]:
        """All of ``cuts``, as a list."""
        return [self.cuts] if isinstance(self.cuts, str) else self.cuts


class DataOptions(Options):
    """Corpora, training data, and development and test sets.

    Args:
        corpora: the corpora by name.
        train: training data as ``corpus/split`` references; with ``@0.9`` at the end, played at that speed.
        speeds_are_speakers: whether a voice at another speed counts as another speaker.
        dev: the development set, by which models are chosen; never one of ``test``.
        hold_out: for tasks that are scored on trials, the number of training speakers that are held out for development
            trials if there is no ``dev``; ``null``: a tenth of them, from 2 to 100; 0: none.
        test: test sets by name, evaluated after every stage.
        batch: number of utterances in a batch.
        crop: length of crops in seconds, or a range from which the length of each batch is drawn; ``null`` for whole
            utterances.
        augment: effects on training audio, and masks on the encoder's features.
        balanced: whether every speaker is drawn equally often, instead of every utterance.
        cache: keep all training audio in memory as ``int16`` or ``float16``.
        workers: number of processes that prepare batches.
    """

    corpora: dict[FileName, CorpusOptions] = Field(min_length=1)
    train: list[str] = Field(min_length=1)
    speeds_are_speakers: bool = True
    dev: TestSet | None = None
    hold_out: int | None = Field(None, ge=0, le=MOST_UTTERANCES)
    test: dict[str, TestSet] = {}
    batch: int = Field(32, ge=1, le=MOST_UTTERANCES)
    crop: Crop | None = (2.0, 3.0)
    augment: list[Augmentation] = []
    balanced: bool = False
    cache: str | None = None
    workers: int = Field(0, ge=0, le=256)

    def used(self, references: Iterable[str] = ()) -> dict[str, CorpusSource]:
        """The corpora that ``train``, ``dev``, ``test`` and further ``references`` name, manifests only with these splits."""
        sets = [*self.test.values(), *([self.dev] if self.dev else [])]
        found: dict[str, set[str]] = {each.trials: set() for each in sets if each.trials in self.corpora}
        for reference in [*self.train, *references, *(cuts for each in sets for cuts in each.references)]:
            name, split, _ = _parts(reference)
            found.setdefault(name, set()).add(split)
        of = {name: corpus.options for name, corpus in self.corpora.items() if name in found}
        return {
            name: each.only(found[name]) if isinstance(each, ManifestOptions) else each for name, each in of.items()
        }

    def problems(self, references: Iterable[str] = (), made_by: str | None = None) -> Iterator[str]:
        """What is wrong between the parts of the section, and with files that should exist.

        Args:
            references: training data of stages that have their own.
            made_by: the recipe that says how corpora are made, as `sottovoce recipes show` takes it.
        """
        used = self.used(references)
        for name, corpus in self.corpora.items():
            for problem in corpus.options.problems():
                yield f"data.corpora.{name}.{corpus.kind}.{problem}"
            if (
                absent := [*used[name].missing(), *(self._absent_beside(name) if made_by else ())]
                if name in used
                else []
            ):
                yield missing_line(name, absent, made_by)
        for k, reference in enumerate(self.train):
            yield from self.reference_problems(reference, f"data.train[{k}]")
        sets = {f"data.test.{name}": each for name, each in self.test.items()}
        for path, each in (({"data.dev": self.dev} if self.dev else {}) | sets).items():
            for cuts in each.references:
                yield from self.reference_problems(cuts, f"{path}.cuts")
                if "@" in cuts:
                    yield f"{path}.cuts: test data is played as it is; leave @{cuts.partition('@')[2]} out"
            if self.dev is not None and path != "data.dev" and each == self.dev:
                yield f"{path}: is the same as data.dev, by which models are chosen; take another test set"
            yield from self._trials_problems(each, path, reported=made_by is not None)
        if self.hold_out and self.dev is not None:
            yield "data.hold_out: data.dev has development trials already; leave one of the two out"
        if self.hold_out == 1:
            yield "data.hold_out: trials need at least 2 speakers, not 1; hold out 2 or more, or 0"

    def _absent_beside(self, corpus: str) -> list[str]:
        """Files with the trials over a corpus that do not exist."""
        sets = [each for each in (*self.test.values(), self.dev) if each and _parts(each.references[0])[0] == corpus]
        files = [
            file for each in sets for file in (each.trials, each.key, each.enroll) if file and file not in self.corpora
        ]
        return [file for file in files if not Path(file).is_file()]

    def _trials_problems(self, test: TestSet, path: str, *, reported: bool) -> Iterator[str]:
        """What is wrong with the trials of a test set; files that are missing unless they are ``reported`` already."""
        beside = {name: file for name in ("key", "enroll") if (file := getattr(test, name)) is not None}
        for name, file in beside.items():
            if test.trials is None or test.trials in self.corpora:
                yield f"{path}.{name}: belongs to a trials file; give one, or leave it out"
            elif not Path(file).is_file() and not reported:
                yield f"{path}.{name}: {file} is no file"
        if test.trials is None:
            return
        path += ".trials"
        if (known := self.corpora.get(test.trials)) is None:
            if not Path(test.trials).is_file() and not reported:
                yield f"{path}: {test.trials} is neither a file nor a synthesized corpus"
            return
        over = known.options.trials() if isinstance(known.options, SynthesisOptions) else []
        places = [f"{test.trials}/{split}" for split in over]
        if not over:
            yield f"{path}: the corpus {test.trials} brings no trials; give a trials file"
        elif len(test.references) > 1 or test.references[0] not in places:
            given = " and ".join(test.references)
            yield f"{path}: the corpus {test.trials} brings trials over {' and '.join(places)}, not over {given}"

    def reference_problems(self, reference: str, path: str) -> Iterator[str]:
        """What is wrong with a ``corpus/split@speed`` reference."""
        name, split, speed = _parts(reference)
        corpus = self.corpora.get(name)
        if corpus is None:
            yield f"{path}: there is no corpus {name!r}; {did_you_mean(name, self.corpora)}"
        elif not split:
            yield f"{path}: write {reference}/<split>"
        elif (splits := corpus.options.splits()) is not None and split not in splits:
            yield f"{path}: the corpus {name} has no split {split!r}; {did_you_mean(split, splits)}"
        if speed is not None and not 0.5 <= speed <= 2:
            yield f"{path}: a speed is a number from 0.5 to 2, as in {name}/{split}@0.9"


def _parts(reference: str) -> tuple[str, str, float | None]:
    """Corpus, split, and speed (NaN if it is not a number) of a reference."""
    place, at, factor = reference.partition("@")
    name, _, split = place.partition("/")
    try:
        return name, split, float(factor) if at else None
    except ValueError:
        return name, split, float("nan")


def missing_line(corpus: str, files: Sequence[str], made_by: str | None) -> str:
    """What is missing of a corpus, in one line.

    Args:
        corpus: name of the corpus.
        files: its files and folders that do not exist, at least one.
        made_by: the recipe that says how they are made, as `sottovoce recipes show` takes it; ``None`` if none does.

    >>> missing_line("ami", ["ami/train.jsonl.gz"], "diarizen-base")
    'data.corpora.ami: ami/train.jsonl.gz does not exist; `sottovoce recipes show diarizen-base` says how to make it'
    """
    named = list(dict.fromkeys(files))
    if len(named) > FILES_NAMED + 1:
        named = [*named[:FILES_NAMED], f"{len(named) - FILES_NAMED} more files"]
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    one = len(named) == 1
    how = "" if made_by is None else f"; `sottovoce recipes show {made_by}` says how to make {'it' if one else 'them'}"
    return f"data.corpora.{corpus}: {listed} {'does' if one else 'do'} not exist{how}"


class Corpora:
    """The corpora of a run, made or imported when they are first needed. Each manifest and trials file is read once.

    Args:
        options: the data section.
        folder: folder for manifests and synthesized corpora.
        references: training data of stages that have their own. Corpora and splits that nothing names are not prepared.
    """

    def __init__(self, options: DataOptions, folder: Path, references: Iterable[str] = ()):
        self.options = options
        self.folder = folder
        self._used = options.used(references)
        self.held_out: HeldOut | None = None
        self._prepared: dict[str, PreparedCorpus] = {}
        self._manifests: dict[Path, Sequence[Cut]] = {}
        self._references: dict[str, list[tuple[str | None, Cut]]] = {}
        self._test_sets: dict[str, EvaluationData] = {}

    def prepare(self, progress: Callable[[str], Progress | None] | None = None) -> None:
        """Make and import all corpora now, instead of when they are first needed.

        Args:
            progress: name of a corpus -> the function that is called while the corpus is made.

        Raises:
            DataError: a corpus cannot be made or imported.
        """
        for name in self._used:
            self._corpus(name, progress(name) if progress is not None else None)

    def _corpus(self, name: str, progress: Progress | None = None) -> PreparedCorpus:
        if name not in self._prepared:
            options = self._used.get(name, self.options.corpora[name].options)
            self._prepared[name] = options.prepare(self.folder / name, progress, self._read)
        return self._prepared[name]

    def _read(self, path: Path) -> Sequence[Cut]:
        """The cuts of a manifest. They are shared and must not be modified."""
        if path not in self._manifests:
            self._manifests[path] = list(read_cuts(path))
        return self._manifests[path]

    def hold_out(self, seed: int, keep: int) -> HeldOut | None:
        """Hold out training speakers for development trials, see `hold_out`. `train_cuts` leaves them out afterward.

        Args:
            seed: seed of the run.
            keep: minimum number of speakers that remain for training.

        Raises:
            RecipeError: there are too few speakers to hold out as many as the recipe asks for.
        """
        if self.options.dev is None and self.options.hold_out != 0:
            plain = [reference for reference in self.options.train if _parts(reference)[2] is None]
            names: dict[str, set[str | None]] = defaultdict(set)
            for voice, cut in self._voiced(self.options.train):
                names[voice or ""].add(cut_speaker(cut))
            classes = {voice: len(each) for voice, each in names.items()}
            self.held_out = hold_out(self._voiced(plain), classes, seed, count=self.options.hold_out, keep=keep)
        return self.held_out

    def train_cuts(self, *references: str) -> list[Cut]:
        """`cuts` without held-out speakers; by default for the references in ``train``."""
        without = self.held_out.speakers if self.held_out is not None else ()
        return [cut for voice, cut in self._voiced(references or self.options.train) if voice not in without]

    def dev_set(self) -> EvaluationData | None:
        """Development data: those of the recipe, or trials over held-out speakers; ``None`` if there are neither."""
        if self.options.dev is not None:
            return self.test_set(self.options.dev)
        return None if self.held_out is None else EvaluationData(self.held_out.cuts, self.held_out.trials)

    def cuts(self, *references: str) -> list[Cut]:
        """The cuts of ``corpus/split@speed`` references. Names of speakers get the corpus as prefix and the speed as suffix.

        Raises:
            RecipeError: a split that the corpus does not have, or in which ``only`` selects nothing.
        """
        return [cut for _, cut in self._voiced(references)]

    def _voiced(self, references: Iterable[str]) -> Iterator[tuple[str | None, Cut]]:
        """`cuts`, each with its speaker under one name, whatever the name of the corpus and the speed."""
        for reference in references:
            if reference not in self._references:
                self._references[reference] = list(self._named(reference))
            yield from self._references[reference]

    def _named(self, reference: str) -> Iterator[tuple[str | None, Cut]]:
        """The cuts of one reference, their speakers named after the corpus and the speed."""
        name, split, speed = _parts(reference)
        splits = self._corpus(name).splits
        if split not in splits:
            raise RecipeError(f"data: the corpus {name} has no split {split!r}; {did_you_mean(split, splits)}")
        chosen = self._chosen(name, self._read(splits[split]))
        if not chosen:
            raise RecipeError(f"data.corpora.{name}: `only` leaves no utterance of {split}")
        options = self.options.corpora[name].options
        source = getattr(options, "path", None) or getattr(options, "folder", None) or name
        suffix = f"@{speed:g}" if speed is not None and self.options.speeds_are_speakers else ""

        def named(supervision: SupervisionSegment) -> SupervisionSegment:
            speaker = supervision.speaker
            return supervision if speaker is None else replace(supervision, speaker=f"{name}/{speaker}{suffix}")

        for original in chosen:
            speakers = {supervision.speaker for supervision in original.supervisions} - {None}
            voice = f"{source}/{speakers.pop()}" if len(speakers) == 1 else None
            cut = original if speed is None else original.perturb_speed(speed)
            yield voice, cut.map_supervisions(named)

    def _chosen(self, name: str, cuts: Iterable[Cut]) -> list[Cut]:
        options = self.options.corpora[name].options
        only = options.only if isinstance(options, ImportOptions) else {}
        return [cut for cut in cuts if all(cut_field(cut, field) == value for field, value in only.items())]

    def test_set(self, options: TestSet) -> EvaluationData:
        """The utterances of a test set, and its trials if there are any."""
        key = options.model_dump_json()
        if key not in self._test_sets:
            trials = options.trials
            if trials in self.options.corpora:
                trials = str(self._corpus(trials).trials[_parts(options.references[0])[1]])
            over = None if trials is None else read_trials(trials, key=options.key, enroll=options.enroll)
            self._test_sets[key] = EvaluationData(self.cuts(*options.references), over)
        return self._test_sets[key]
