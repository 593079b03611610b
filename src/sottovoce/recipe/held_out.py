"""Development trials for a recipe without any: trials over some training speakers, which are held out.

The threshold of a verification model is set on trials over speakers that it was not trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ..data.corpora.cuts import cut_field
from ..errors import RecipeError
from ..metrics.detection.trials import Trials
from ..training.randomness import seed_of

if TYPE_CHECKING:
    from lhotse.cut import Cut

SHARE, MAXIMUM, MINIMUM = 0.1, 100, 2
"""Default number of held-out speakers: a tenth of the training speakers, from 2 to 100."""

UTTERANCES, PAIRS = 20, 40
"""For each held-out speaker: number of utterances in trials, and of target trials. There are twice as many nontarget trials."""

SESSION = "session"
"""The field of a cut that says in which session it was recorded."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out speakers, and trials over them.

    Args:
        speakers: names of the speakers.
        training_speakers: number of training speakers, including the held-out ones.
        cuts: utterances of the trials.
        trials: trials over these utterances.
        across: whether all target trials pair different sessions.
    """

    speakers: frozenset[str]
    training_speakers: int
    cuts: Sequence[Cut]
    trials: Trials
    across: bool

    def __str__(self) -> str:
        targets = int(self.trials.targets.sum())
        return (
            f"no development trials are given, so {len(self.speakers)} of {self.training_speakers} training speakers"
            " are held out:"
            f" {targets:,} trials of one speaker{' across sessions' * self.across} and"
            f" {len(self.trials) - targets:,} of two set the threshold"
        )


def hold_out(
    voiced: Iterable[tuple[str | None, Cut]],
    classes: Mapping[str, int],
    seed: int,
    *,
    count: int | None = None,
    keep: int = 2,
) -> HeldOut | None:
    """Choose speakers and pair their utterances, as a function of the seed. ``None`` if there are too few speakers.

    Speakers with several sessions are chosen first, because target trials within one session are too easy.

    Args:
        voiced: (speaker, utterance) pairs of the training data at original speed.
        classes: speaker -> the number of training speakers that it counts as (one for each speed).
        seed: seed of the run.
        count: number of speakers; ``None`` for a tenth, from 2 to 100, or fewer if ``keep`` requires it.
        keep: minimum number of training speakers that remain.

    Raises:
        RecipeError: fewer than ``count`` speakers can be held out.
    """
    of: dict[str, dict[str, Cut]] = {}
    for name, cut in voiced:
        if name is not None:
            of.setdefault(name, {}).setdefault(cut.id, cut)
    generator = np.random.default_rng(seed_of(seed, "held out"))
    order = [sorted(of)[k] for k in generator.permutation(len(of))]
    several = [name for name in order if len(of[name]) > 1]
    several.sort(key=lambda name: len({session for cut in of[name].values() if (session := _session(cut))}) < 2)
    left = sum(classes.values()) - np.cumsum([classes[name] for name in several])
    spare = int((left >= keep).sum())
    if count is not None and count > spare:
        raise RecipeError(
            f"data.hold_out: {count} of {len(of)} training speakers cannot be spared for development trials, since"
            f" {len(several)} have several utterances and {keep} have to be left; hold out at most {spare}"
        )
    wanted = min(max(MINIMUM, round(SHARE * len(of))), MAXIMUM, spare) if count is None else count
    if wanted < MINIMUM:
        return None
    return _paired({name: _spread(of[name], generator) for name in sorted(several[:wanted])}, len(of), generator)


def _paired(of: Mapping[str, Sequence[Cut]], among: int, generator: np.random.Generator) -> HeldOut:
    """Trials over the utterances of each speaker."""
    targets: list[tuple[Cut, Cut]] = []
    for across in (True, False):
        for own in of.values():
            pairs = [pair for pair in combinations(own, 2) if not across or _apart(*pair)]
            targets += [pairs[k] for k in sorted(generator.permutation(len(pairs))[:PAIRS].tolist())]
        if targets:
            break
    known = all(_session(cut) is not None for own in of.values() for cut in own)
    others: dict[tuple[str, str], tuple[Cut, Cut]] = {}
    names = list(of)
    for name in names:
        strangers = [other for other in names if other != name]
        for _ in range(2 * min(PAIRS, len(of[name]) ** 2)):
            stranger = of[strangers[generator.integers(len(strangers))]]
            a, b = of[name][int(generator.integers(len(of[name])))], stranger[int(generator.integers(len(stranger)))]
            others.setdefault((min(a.id, b.id), max(a.id, b.id)), (a, b))
    pairs = [*targets, *others.values()]
    trials = Trials([a.id for a, _ in pairs], [b.id for _, b in pairs], np.arange(len(pairs)) < len(targets))
    cuts = [cut for own in of.values() for cut in own]
    return HeldOut(frozenset(of), among, cuts, trials, across and known)


def _spread(own: Mapping[str, Cut], generator: np.random.Generator) -> list[Cut]:
    """Some utterances of a speaker, from as many sessions as possible."""
    by_session: dict[str | None, list[Cut]] = {}
    for k in generator.permutation(len(own)).tolist():
        cut = own[sorted(own)[k]]
        by_session.setdefault(_session(cut), []).append(cut)
    turns = [(turn, place, cut) for place, cuts in enumerate(by_session.values()) for turn, cut in enumerate(cuts)]
    return [cut for *_, cut in sorted(turns, key=lambda each: each[:2])[:UTTERANCES]]


def _apart(a: Cut, b: Cut) -> bool:
    """Whether two utterances of a speaker are from different sessions, as far as sessions are known."""
    return None in (_session(a), _session(b)) or _session(a) != _session(b)


def _session(cut: Cut) -> str | None:
    return cut_field(cut, SESSION)
