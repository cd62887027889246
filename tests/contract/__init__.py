"""What every adapter of a port has to do, whatever it is made of."""
