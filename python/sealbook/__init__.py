"""What Sealbook adds to Python's side of Jupyter: parameters for papermill, and a save hook for Jupyter Server."""
