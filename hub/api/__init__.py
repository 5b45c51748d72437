"""The v1 API: one table of routes, each with who may use it and what it takes and gives."""
