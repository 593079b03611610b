"""Heads with an output for every frame.

`powerset_head`      sets of active speakers, for diarization
`frame_classifier`   one linear map
`frame_head`         base class of heads whose output has frames
"""
