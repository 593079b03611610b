"""Heads with an output for every frame.

`powerset_head`      sets of speakers, for diarization
`frame_classifier`   one linear map
`frame_head`         what heads whose output has frames have in common
"""
