"""The transducer loss from a list of all alignments, for a few frames and labels."""

import itertools

import torch


def enumerated_losses(logits, targets, lengths, target_lengths, blank=0):
    """Losses ``[B]`` of logits ``[B, T, U + 1, V]``: an alignment says in which frame each label is given out."""
    losses = []
    for table, labels, frames, said in zip(logits.log_softmax(-1), targets, lengths, target_lengths, strict=True):
        alignments = []
        for when in itertools.combinations_with_replacement(range(int(frames)), int(said)):
            terms = [table[t, u, labels[u]] for u, t in enumerate(when)]
            terms += [table[t, sum(w <= t for w in when), blank] for t in range(int(frames))]
            alignments.append(torch.stack(terms).sum())
        losses.append(-torch.stack(alignments).logsumexp(0))
    return torch.stack(losses)
