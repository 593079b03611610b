"""Task models: an encoder with a head and what turns its outputs into decisions, and the one way to load any model.

Import each name from its module. These files are copied flat into portable model directories, so nothing is imported here.

    loading            `load`: the network of any checkpoint; `load_pretrained`: the same as a model of Transformers
    task_config        `TaskConfig`: the config of a task model
    task_network       `TaskNetwork`: encoder, head and scoring as a plain network; `TaskOutput`, what it returns
    task_model         `TaskModel`: the same as a model of Transformers, and its class for each auto class
    cosine_scoring     `CosineScoring`: scores and the threshold of speaker models
    llr_scoring        `LLRScoring`: calibrated log-likelihood ratios of anti-spoofing models
    label_loss         `labeled_loss`: the loss for the argument ``labels`` of Transformers
    label_tokenizer    `LabelTokenizer`: the labels of a recognizer as a tokenizer of Transformers
    label_pieces       `characters`, `pieces`: how text is cut into labels
    spelling           `spelled`: the text of each label of a vocabulary
    model_card         `write_card`, `add_scores`: the ``README.md`` of a saved model
"""
