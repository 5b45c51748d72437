"""One network at work: its devices' sessions, its elections, its audio on the way."""
