"""Makes the box a service of the machine, and takes it away again. Run as root: `python -m nanoscale_box.service`."""
