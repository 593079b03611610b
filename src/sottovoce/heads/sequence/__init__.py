"""Heads whose output is decoded into a sequence of labels.

`ctc`                     a label or the blank for every frame
`transducer`              a stateless predictor and a joiner
`predictor`, `joiner`     the parts of a transducer
"""
