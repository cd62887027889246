"""The whole product on real parts and a simulated GitHub: to look at (`demo`) and as a proof (`demo --headless`)."""
