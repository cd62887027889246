"""The commands of the documents, typed into a real shell before a real box, in the order in which they are printed."""
