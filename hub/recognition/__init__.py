"""Recognisers behind one small interface, and the desk that decodes off the event loop."""

import models  # noqa: F401 - keeps onnxruntime, which is loaded after it, from telling of us
