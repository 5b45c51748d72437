"""The wire protocol between edge and hub, one message family per file (see docs/protocol.md)."""
