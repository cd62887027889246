"""The pages a browser sees: registering, installing, authorising."""
