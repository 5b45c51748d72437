"""The microphone daemon: listens, finds speech, scores how well it hears, and tells the hub."""
