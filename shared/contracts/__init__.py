"""What crosses a process boundary: events, requests and their replies, problems.

Wire values are frozen msgspec structs. A field may be added with a default; none is renamed,
removed or given another meaning, because events of other versions are still in the stream.
"""
