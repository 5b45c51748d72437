"""Weights: what there is, where it comes from, and fetching it."""

import os

# From 1.29 on, onnxruntime tells its makers of the machine it runs on, unless it is told not to
# before it is loaded. No word about a home leaves the home.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
