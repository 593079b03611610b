"""Training: one loop on Lightning, independent of recipes and of particular tasks.

`loop`              `fit`: the training loop, which resumes exactly; `TrainingSetup`: its settings for a stage
`terms`             the terms of a loss: the task's, distillation, the budget of gates
`optimization/`     learning rates, the optimizer, and what happens to gradients before its step
`selection`         when training ends and which weights it ends with, chosen on development data
`development_loss`  the loss of a stage on development data
`checkpoints`       training states on disk
`adapters`          low-rank adapters (LoRA), attached and merged
`masking`           masks on an encoder's features while it trains
`random_chunks`     chunks of random size for encoders that learn to stream
`filters`           mel filters as initial weights of the first convolution of a new encoder
`progress`          the progress bar
`randomness`        every random choice as a function of seed, stage, step and rank
`steps`             callbacks that are called once after each optimizer step
"""
