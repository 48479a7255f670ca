"""What Python's own libraries, `xxd`, `hexdump` and `od` make of secrets, through the filter of the product."""

import subprocess
import sys
from pathlib import Path

CORPUS = Path(__file__).parent.parent / "redaction" / "hostile.py"


def test_the_corpus_scores_in_full(house):
    done = subprocess.run(
        [sys.executable, CORPUS, house.binary, "redact"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "| innocent |" in done.stdout
