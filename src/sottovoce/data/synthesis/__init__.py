"""Synthetic corpora: invented speakers by espeak-ng, simulated conversations, and spoofed copies of real speech.

A synthetic corpus for a task is one subclass of `Synthesis` in one file, and one line in `SYNTHESES` or, in another
package, one entry point of the group ``sottovoce.syntheses``.

Public names:
    synthesize: makes the synthetic corpus of a task, or reuses it if it exists.
    SYNTHESES: the registry of synthetic corpora, by task.
    Synthesis: the base class of their options.
    SyntheticCorpus: the files of a synthetic corpus.
    synthesis_of: the checked options of a task.

Modules:
    simulated_conversations: conversations laid out from utterances of single speakers.
    copy_synthesis: stretches of bona fide speech and spoofed copies of them.
    resynthesis: the methods that make such copies.
"""

from .base import Synthesis
from .corpus import SYNTHESES, SyntheticCorpus, synthesis_of, synthesize

__all__ = ["SYNTHESES", "SyntheticCorpus", "Synthesis", "synthesis_of", "synthesize"]
