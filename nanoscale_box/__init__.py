"""Push to GitHub, and it is live on your own machine.

One daemon verifies each delivery, records it before it answers, decides what is owed, builds and starts the release and
switches the route once it is healthy; the command line and the terminal UI are clients of its socket and nothing more.
"""

__version__ = "0.1.0"
