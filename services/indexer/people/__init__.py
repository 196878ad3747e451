"""Who is who: one person over numbers, addresses, messengers and cards of all devices."""
