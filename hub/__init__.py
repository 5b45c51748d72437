"""The hub: election, recognition, storage and sync."""
