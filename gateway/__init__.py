"""The one door for people and programs: HTTP in front, requests on the bus behind.

The gateway holds no business rule. It checks who asks, validates, passes on, streams, and turns
problems into ``application/problem+json``. It owns API tokens and the audit rows, nothing else.
"""
