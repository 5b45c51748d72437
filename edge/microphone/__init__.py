"""Microphones: sound card, file and simulated, all giving 20 ms frames with capture times."""
