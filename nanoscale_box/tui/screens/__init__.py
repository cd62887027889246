"""What fills the terminal: one screen a file, and the dialogs before them."""
