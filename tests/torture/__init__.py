"""Real hubs and devices under faults at random; afterwards nothing may be lost or doubled."""
