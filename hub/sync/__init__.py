"""What each device of a network is owed, and how it gets it."""
