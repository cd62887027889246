"""The others that a bench is held against, each as small as its own manual shows it."""
