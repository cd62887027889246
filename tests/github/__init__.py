"""The box and GitHub as a whole: the real engine, store and doors against the sandbox, over real HTTP."""
