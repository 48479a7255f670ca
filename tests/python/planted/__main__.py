"""`python -m planted --secret-file NAME=FILE… PATH…`: searches files, folders and recordings for planted secrets.

Exit status 0 when nothing was found, 1 when something was, 2 when nothing could be searched.
"""

import argparse
import sys
from pathlib import Path

from . import Secret, search


def main():
    parser = argparse.ArgumentParser(prog="planted", description=__doc__.split("\n")[0])
    parser.add_argument("--secret-file", action="append", required=True, metavar="NAME=FILE",
                        help="a file that holds one secret, byte for byte, and the name to report it under")
    parser.add_argument("paths", nargs="+", metavar="PATH")
    arguments = parser.parse_args()
    secrets = []
    for pair in arguments.secret_file:
        name, _, file = pair.partition("=")
        value = Path(file).read_bytes()
        if not value:
            parser.error(f"{file} is empty")
        secrets.append(Secret(name, value))
    report = search(secrets, arguments.paths)
    print(report.text())
    if report.files == 0:
        return 2
    return 1 if report.findings else 0


sys.exit(main())
