"""From a model and data to scores.

`embedding`            embeddings of many utterances
`speaker_scoring`      trials: back-end, AS-norm and calibration
`diarization_scores`   error rates of windows and of whole recordings
"""
