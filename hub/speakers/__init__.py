"""Who spoke: from an utterance to a point in a space of voices."""
