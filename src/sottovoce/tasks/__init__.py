"""Tasks: which head, loss, metric and decoder. Each is one file, and one line in `registry`, or an entry point.

`task`           `Task` and `Objective`: what a task is to the training loop
`registry`       every task by the name that recipes use
`verification`, `spoofing`, `recognition`, `diarization`, `intent`   the tasks
`head_options`, `recognition_heads`   the sections of a recipe for heads, made from their constructors
`transcripts`, `slu_semantics`        what is learned from: texts, intents and slots of a corpus
`slu_formulations`                    understanding as classes, or as a sequence of labels
`objectives/`    training losses
`scoring/`       embeddings, scores of trials, scores of diarization
"""
