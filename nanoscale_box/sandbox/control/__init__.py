"""The control API under `/_sandbox/`, for tests and the demo."""
