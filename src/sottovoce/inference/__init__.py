"""Trained models at work: functions under the names of the commands, for recordings of any format and length.

Each takes a model from `sottovoce.models.loading.load`, or the place of one, and a recording: a file, or a `Recording`.
Nothing here prints. Import each from its module, so that only what is needed is loaded:

    verification           `embed`, `verify`: speaker embeddings, and whether two recordings are of one speaker
    embedding_files        `write_embeddings`: embeddings as numpy, Kaldi or Parquet files
    trial_evaluation       `evaluate`: error rates of a speaker model over a trials file
    spoofing               `detect`: whether a recording is bona fide speech
    recognition            `transcribe`: the text of a recording and the time of each word
    streaming              `StreamingRecognizer`, `transcribe_stream`: recognition while audio arrives
    intent                 `classify`: intents and slots of an utterance
    diarization            `diarize`: who spoke when
    diarization_tuning     `tune`: the clustering threshold with the lowest error rate
    plda_fitting           `plda`: a PLDA for the embeddings of a speaker model
    diarization_scoring    `der`: diarization error rate of RTTM files
    inputs                 `Recording`, `recordings`: files, folders, manifests and lists as recordings
    pair_lists             `read_pairs`: pairs of recordings to compare
    batch                  `Batch`: many recordings through one function, with or without the faulty ones
    arguments              what the functions above take as a model and as a recording
"""
