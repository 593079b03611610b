"""The suffixes by which audio files are found in a folder. A file that the user names is recognized by its first bytes."""

from __future__ import annotations


def _suffixes(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


LIBSNDFILE = _suffixes("""
    .wav .wave .bwf .rf64 .w64 .aiff .aif .aifc .au .snd .caf .flac .ogg .oga .opus .mp3 .mp2 .mp1 .mpga
    .sph .nist .wv1 .wv2 .voc .avr .htk .ircam .paf .pvf .svx .8svx .16svx .sds .wve
""")
"""Suffixes of files that libsndfile reads, without ``.mat``, ``.xi`` and ``.iff``, which are mostly something else."""

FFMPEG = _suffixes("""
    .m4a .m4b .mp4 .m4v .mov .3gp .3g2 .aac .webm .mka .mkv .wma .wmv .asf .amr .awb .ac3 .eac3 .wv .ape .tta .flv .avi
    .mpg .mpeg
""")
"""Suffixes of files that are decoded by ffmpeg."""

AUDIO = LIBSNDFILE | FFMPEG
