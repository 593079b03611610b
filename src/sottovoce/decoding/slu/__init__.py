"""From the outputs of SLU models to intents and slots.

Modules:
    interpreter: `slu_interpreter`: the interpreter of a model, one of those below.
    slu_classes: classifiers, with a class for each intent field and slot.
    semantic_vocabulary: CTC models, which emit intents, slots and fillers as labels.
    transducer_reader: the same for transducers.
    slu_prediction: `SLUPrediction`, their result.
"""
