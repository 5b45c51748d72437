"""One recording out of several: what all microphones that heard an utterance know of it."""
