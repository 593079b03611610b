"""From the outputs of SLU models to intents and slots.

Modules:
    interpreter: `slu_interpreter`: the interpreter of a model, one of those below.
    slu_classes: classifiers, with a class for each intent field and slot.
    semantic_vocabulary: CTC models, which emit intents, slots and fillers as labels.
    transducer_reader: transducers, which emit the same labels.
    slu_prediction: `SLUPrediction`, the result of an interpreter.
"""
