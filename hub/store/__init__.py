"""What the hub keeps: tables, their history, and the functions that read and write them."""
