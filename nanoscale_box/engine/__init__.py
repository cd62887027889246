"""What happens next: the story of a push, told with the standard library and reaching the world through its own
ports."""
