"""Synthetic speech: texts, invented speakers, and espeak-ng.

Modules:
    espeak, espeak_worker: `speak`: text to speech, and the child process that it runs in.
    voices: `draw_voices`: invented speakers.
    sentences, commands: random texts; commands with intents and slots.
"""
