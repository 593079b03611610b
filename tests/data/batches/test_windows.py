"""All windows of all utterances, with labels."""

import numpy as np
import pytest
import soundfile
import torch

from corpus import write_corpus
from sottovoce.data.batches.targets import Targets
from sottovoce.data.batches.windows import WindowBatches
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.errors import DataError


class Starts(Targets):
    """Labels that tell which stretch they are of."""

    def of(self, cut, start, samples):
        return torch.tensor([start, samples])

    def collate(self, labels):
        return {"labels": torch.stack(list(labels))}


@pytest.fixture(scope="module")
def cuts(tmp_path_factory):
    folder = write_corpus(tmp_path_factory.mktemp("bands"), speakers=2, utterances=1, seconds=1.0)
    return list(read_cuts(folder / "train.jsonl.gz"))


def samples(cut):
    return soundfile.read(cut.recording.sources[0].source, dtype="float32")[0]


def test_windows_follow_each_other(cuts):
    batches = WindowBatches(cuts, batch_size=4, window=0.3, targets=Starts())
    made = [batches[k] for k in range(len(batches))]
    assert [len(each["ids"]) for each in made] == [4, 2]
    assert [name for each in made for name in each["ids"]] == [cut.id for cut in cuts for _ in range(3)]
    wanted = np.concatenate([samples(cut)[: 3 * 4800].reshape(3, 4800) for cut in cuts])
    assert torch.cat([each["waveform"] for each in made]).numpy() == pytest.approx(wanted, abs=1e-6)
    assert torch.cat([each["labels"] for each in made]).tolist() == 2 * [[0, 4800], [4800, 4800], [9600, 4800]]


def test_a_shorter_utterance_is_repeated_and_whole_ones_are_whole(cuts):
    wave = WindowBatches(cuts[:1], batch_size=1, window=1.5)[0]["waveform"][0].numpy()
    assert wave == pytest.approx(np.concatenate([samples(cuts[0]), samples(cuts[0])[:8000]]), abs=1e-6)
    whole = WindowBatches(cuts, batch_size=8)
    assert len(whole) == 1 and whole[0]["waveform"].shape == (2, 16_000) and "labels" not in whole[0]
    with pytest.raises(DataError, match="no cuts"):
        WindowBatches([], batch_size=1)
