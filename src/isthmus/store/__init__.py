"""Where the state lives: rows, units of work and the engines that keep them."""
