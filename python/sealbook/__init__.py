"""What Sealbook adds to Python's side of Jupyter: parameters for papermill, and a save hook for Jupyter Server."""


def _jupyter_server_extension_points():
    return [{"module": "sealbook"}]


def _load_jupyter_server_extension(serverapp):
    # Not before: papermill alone needs nothing of Jupyter Server.
    from .save_hook import SaveHook

    SaveHook(serverapp).install()
