"""``python -m hwcodec``: the command ``hwcodec``, where it is not installed as one."""

import sys

from hwcodec.commands import main

if __name__ == "__main__":
    sys.exit(main())
