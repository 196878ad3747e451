"""The routes by topic. Handlers are thin: read parameters, ask one service, pass the answer on."""
