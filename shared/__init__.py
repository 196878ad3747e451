"""Language and plumbing that every service speaks: contracts, bus, postgres, settings, telemetry.

Never a business rule.
"""
