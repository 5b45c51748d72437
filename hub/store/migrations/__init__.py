"""The schema's history, run by Alembic: 0001 is the legacy schema."""
