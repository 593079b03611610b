import torch

from sottovoce.encoder.layers.frame_masks import frame_mask, mask_if_padded


def test_frames_before_the_end_of_each_utterance_are_valid():
    mask = frame_mask(torch.tensor([3, 0, 1]), 4)
    assert mask.tolist() == [[t < length for t in range(4)] for length in (3, 0, 1)]


def test_no_mask_where_no_utterance_is_padded():
    assert mask_if_padded(None, 4) is None
    assert mask_if_padded(torch.tensor([4, 4]), 4) is None
    padded = mask_if_padded(torch.tensor([4, 2]), 4)
    assert padded is not None and padded.sum(1).tolist() == [4, 2]
