"""From scores to labels: greedy and beam search for CTC and transducers, with n-gram language models."""
