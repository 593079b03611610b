"""What speaker verification costs without a network: MFCC statistics, LDA on the training speakers, cosine.

A trained encoder must beat these numbers on the same trials, or it is no speaker model.

    python benchmarks/verification_baseline.py --wuw2 DATA/wuw2 [--synthetic DIR] [--draws 1000]

Without ``--wuw2`` the folder ``wuw2`` under ``SOTTOVOCE_DATA`` is taken, if there is one. The synthetic corpus is made
in ``--synthetic`` where it is not there yet (needs espeak-ng: ``pip install 'sottovoce[demo]'``).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import scipy.fft
from lhotse import CutSet
from numpy.typing import NDArray

from sottovoce.data.corpora.cuts import cut_speaker, load_cut, read_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.data.synthesis import synthesize
from sottovoce.metrics import Interval, bootstrap, eer, lda, min_dcf, read_trials, rocch_eer

Floats = NDArray[np.float64]

FRAME, STEP, SIZE, BANDS, COEFFICIENTS = 400, 160, 512, 40, 20


def mel_filters(low: float = 60.0, high: float = 7_600.0) -> Floats:
    """``[BANDS, SIZE / 2 + 1]`` triangles, evenly spaced in mel."""
    mel = np.linspace(*(1127 * np.log1p(np.array([low, high]) / 700)), BANDS + 2)
    hertz = 700 * np.expm1(mel / 1127)
    bins = np.arange(SIZE // 2 + 1) * 16_000 / SIZE
    rise = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    fall = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    return np.maximum(0, np.minimum(rise, fall))


def statistics(wave: NDArray[np.float32], filters: Floats) -> Floats:
    """Means and deviations of MFCCs and of their differences, over the louder frames of an utterance."""
    emphasized = np.append(wave[0], wave[1:] - 0.97 * wave[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(emphasized, FRAME)[::STEP] * np.hamming(FRAME)
    power = np.abs(scipy.fft.rfft(frames, SIZE)) ** 2
    mfcc = scipy.fft.dct(np.log(power @ filters.T + 1e-10), norm="ortho")[:, :COEFFICIENTS]
    loudness = np.log(power.sum(axis=1) + 1e-10)
    delta = np.gradient(mfcc, axis=0) if len(mfcc) > 1 else np.zeros_like(mfcc)
    kept = loudness >= np.quantile(loudness, 0.3)
    mfcc, delta = mfcc[kept], delta[kept]
    # The mean of c0 is only the level; everything else may carry the speaker.
    return np.concatenate([mfcc.mean(0)[1:], mfcc.std(0), delta.std(0)])


def score(train: CutSet, test: CutSet, trials_path: Path, draws: int) -> list[tuple[str, str, Interval]]:
    """Every metric of raw statistics and of LDA on them, with intervals by speaker."""
    filters = mel_filters()

    def features(cuts: Iterable) -> Floats:
        return np.stack([statistics(load_cut(cut).numpy(), filters) for cut in cuts])

    trials = read_trials(trials_path)
    chosen = {cut.id: cut for cut in test}
    named = [chosen[name] for name in trials.utterances()]
    speaker = {cut.id: str(cut_speaker(cut)) for cut in named}
    known, heard = features(train), features(named)
    mean, deviation = known.mean(0), known.std(0)
    known, heard = (known - mean) / deviation, (heard - mean) / deviation
    speakers = [str(cut_speaker(cut)) for cut in train]
    projection = lda(known, speakers, min(40, len(set(speakers)) - 1))
    rows = []
    for label, of_known, of_heard in (
        ("MFCC statistics", known, heard),
        ("MFCC statistics + LDA", known @ projection, heard @ projection),
    ):
        embedded = of_heard - of_known.mean(0)
        embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
        place = {name: row for row, name in enumerate(trials.utterances())}
        left, right = (embedded[[place[name] for name in side]] for side in (trials.left, trials.right))
        scores = (left * right).sum(1)
        sides = [[speaker[name] for name in side] for side in (trials.left, trials.right)]
        for metric in (eer, rocch_eer, min_dcf):
            rows.append((label, metric.__name__, bootstrap(metric, scores, trials.targets, *sides, draws=draws)))
    return rows


def report(title: str, rows: list[tuple[str, str, Interval]], began: float) -> None:
    speakers, draws = rows[0][2].speakers, rows[0][2].draws
    print(f"\n{title}  ({speakers} speakers, 95 % intervals of {draws} draws by speaker, {time.time() - began:.0f} s)")
    for label, metric, interval in rows:
        print(f"  {label:24s} {metric:10s} {str(interval) if metric == 'min_dcf' else interval.percent()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("SOTTOVOCE_DATA")
    parser.add_argument("--wuw2", type=Path, default=Path(shared) / "wuw2" if shared else None)
    parser.add_argument("--synthetic", type=Path, default=Path(tempfile.gettempdir()) / "sottovoce-synthetic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=1000)
    arguments = parser.parse_args()
    if arguments.wuw2 is not None:
        with tempfile.TemporaryDirectory() as folder:
            cuts = import_corpus(arguments.wuw2, folder, drop_faulty=True)
            train, dev = read_cuts(cuts["train"]), read_cuts(cuts["dev"])
        for kind in ("sentence", "keyword"):
            began = time.time()
            rows = score(train, dev, arguments.wuw2 / f"trials/dev_{kind}.txt", arguments.draws)
            report(f"wuw2 dev, {kind} trials", rows, began)
    began = time.time()
    corpus = synthesize(arguments.synthetic, seed=arguments.seed)
    rows = score(read_cuts(corpus.train), read_cuts(corpus.test), corpus.trials, arguments.draws)
    report(f"synthetic voices, seed {arguments.seed}", rows, began)


if __name__ == "__main__":
    main()
