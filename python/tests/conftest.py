"""The package as it lies here is what is tested, in an environment where papermill and Jupyter Server are installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
