"""Training losses, which are no part of the saved model.

`speaker_loss`, `aam_softmax`, `softmax`   speakers, with and without an angular margin
`ctc_objective`, `transducer_objective`    sequences of labels
`rnnt_kernel`, `rnnt_from_logits`, `rnnt_lattice`, `rnnt_memory`   the transducer loss, and the memory that it takes
`lattice_distillation`                     a transducer's lattice as a teacher sees it
`sequence_objectives`                      which of them a model needs
"""
