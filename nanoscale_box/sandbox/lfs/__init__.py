"""Git LFS as GitHub serves it: the batch API, and a store whose addresses need no further credentials."""
