"""Training losses, which are not part of the saved model.

`speaker_loss`, `aam_softmax`, `softmax`   speaker classification, with and without an angular margin
`ctc_objective`, `transducer_objective`    sequences of labels
`rnnt_kernel`, `rnnt_lattice`, `rnnt_memory`   the transducer loss, and the memory that it takes
`lattice_distillation`                     distillation of a transducer at every node of its lattice
`sequence_objectives`                      the choice between CTC and transducer losses by the head of a model
"""
