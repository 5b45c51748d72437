"""A home made of simulated rooms, people and devices, for developers, tests and the demo."""
