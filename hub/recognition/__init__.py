"""Recognisers behind one small interface, and the desk that decodes off the event loop."""
