"""Synthetic speech: texts, invented speakers, and espeak-ng.

Modules:
    espeak: `speak`: text to speech; espeak_worker is its child process.
    voices: `draw_voices`: invented speakers.
    sentences, commands: random texts; commands with intents and slots.
"""
