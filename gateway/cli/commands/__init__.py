"""One module per topic; ``main`` imports a module when one of its commands is called."""
