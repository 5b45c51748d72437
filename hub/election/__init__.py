"""Which microphone is understood best: grouping and election, pure."""
