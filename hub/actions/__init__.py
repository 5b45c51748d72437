"""What people ask for in what they say: reminders, calendar events, and changes to them."""
