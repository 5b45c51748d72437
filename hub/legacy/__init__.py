"""The API of the legacy system, for its old clients, until they have moved (docs/legacy-api.md)."""
