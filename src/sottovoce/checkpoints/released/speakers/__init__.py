"""Released speaker models on a filterbank.

`wespeaker`        models of wespeaker: ResNets and ECAPA-TDNN
`wespeaker_heads`  its networks as heads of ours
`wespeaker_names`  the names of their tensors
`pyannote_resnet`  its ResNets as pyannote packs them
`speaker_network`  such a network as one of our models
"""
