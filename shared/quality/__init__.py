"""How well a microphone hears speech: features and one score; used by the edge and by the hub."""
