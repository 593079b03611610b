"""Released speaker models on a filterbank.

`wespeaker`        models of wespeaker: ResNets, ECAPA-TDNN and CAM++
`wespeaker_heads`  its networks as heads of ours
`wespeaker_names`  the names of their tensors
`campplus_names`   those of CAM++
`pyannote_resnet`  its ResNets as pyannote packs them
`speaker_network`  such a network as one of our models
"""
