"""What is true: pure words and rules, without clock, disk, network, asyncio or randomness."""
