"""The engine, on the real store, with its other ports in memory."""
