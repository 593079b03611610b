"""Tasks: each defines a head, a loss, a metric and a decoder. A task is one file, and one line in `registry` or an entry point.

`task`           `Task` and `Objective`: the interface between a task and the training loop
`registry`       every task by the name that recipes use
`verification`, `spoofing`, `recognition`, `diarization`, `intent`   the tasks
`head_options`, `recognition_heads`   the sections of a recipe for heads, made from their constructors
`transcripts`, `slu_semantics`        the training targets: texts, intents and slots of a corpus
`slu_formulations`                    spoken-language understanding as classes, or as a sequence of labels
`objectives/`    training losses
`scoring/`       embeddings, trial scores, diarization error rates
"""
