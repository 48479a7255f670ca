"""Looks for planted secrets in whatever a session left behind: messages, notebooks, logs, folders, databases.

What: `search` takes values and places and says where a value stands, in which form.
Why: a test of redaction that used the product's own encoders would miss what they miss. This package was written from
the list of forms alone, in another language, with Python's own formatters.
Invariants: only the standard library; a finding names the secret, the form and the place, never the value.
"""

from .forms import Secret, find
from .places import Finding, Report, search

__all__ = ["Finding", "Report", "Secret", "find", "search"]
