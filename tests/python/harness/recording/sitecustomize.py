"""Records every message that a Python front end receives from a kernel, frame by frame.

Python imports this file at start when its folder is on PYTHONPATH. It wraps `Session.feed_identities`, through which every
received message goes in jupyter_client, nbclient, papermill, nbconvert and Jupyter Server. Without
SEALBOOK_TEST_RECORDINGS it does nothing.
"""

import os

if os.environ.get("SEALBOOK_TEST_RECORDINGS"):
    import base64
    import json
    import sys

    try:
        from jupyter_client.session import Session
    except ImportError:
        Session = None

    if Session is not None:
        _folder = os.environ["SEALBOOK_TEST_RECORDINGS"]
        _file = open(os.path.join(_folder, f"{os.getpid()}.frames.jsonl"), "a", buffering=1)  # noqa: SIM115
        _original = Session.feed_identities

        def feed_identities(self, msg_list, copy=True):
            frames = [bytes(getattr(frame, "bytes", frame)) for frame in msg_list]
            encoded = [base64.b64encode(frame).decode() for frame in frames]
            _file.write(json.dumps({"from": "kernel", "frames": encoded}) + "\n")
            return _original(self, msg_list, copy)

        Session.feed_identities = feed_identities
        if "jupyter_client" not in sys.modules:
            raise RuntimeError("the recorder is not in place")
