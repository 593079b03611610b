"""Synthetic corpora for every task, spoken by espeak-ng. A task is one file here and one line in `SYNTHESES`."""

from .base import Synthesis
from .corpus import SYNTHESES, SyntheticCorpus, synthesis_of, synthesize

__all__ = ["SYNTHESES", "SyntheticCorpus", "Synthesis", "synthesis_of", "synthesize"]
