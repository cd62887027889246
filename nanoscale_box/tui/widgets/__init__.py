"""What screens are made of: lists, the log, the lines at the top and the bottom."""
