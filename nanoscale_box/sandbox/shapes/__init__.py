"""The simulated GitHub's answers as JSON objects, one module per noun."""
