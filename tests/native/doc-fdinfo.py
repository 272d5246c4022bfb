#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold what docs/uapi.md says of fdinfo to the driver, and the library to it.

    doc-fdinfo.py SHOW-C DOCUMENT USAGE-C

The keys that the driver prints are those in the document's table, in that order,
and the library reads them.
"""
import re
import sys

PREFIX = "xen-gpumem-"
# Of no use to a program that wants to know what it may.
UNREAD = {"fds"}


def printed(source):
    """Keys in the order in which they are printed"""
    names = re.findall(r'\[GPUMEM_USE_\w+\] = "([a-z-]+)"', source)
    body = source.partition("void gpumem_file_show(")[2].partition("\n}")[0]
    for key in re.findall(rf'"{PREFIX}([a-z%-]+):\\t', body):
        yield from names if key == "%s" else [key]


def documented(text):
    for cell in re.findall(rf"^\| ((?:`{PREFIX}[a-z-]+`(?:, )?)+) \|", text,
                           re.M):
        yield from re.findall(rf"`{PREFIX}([a-z-]+)`", cell)


def complaints(show, document, usage):
    keys, told = list(printed(show)), list(documented(document))
    if len(keys) < 8:
        yield f"only {len(keys)} keys are found in the driver"
    if keys != told:
        yield f"the driver prints {' '.join(keys)}"
        yield f"the document has {' '.join(told)}"
    read = set(re.findall(r'\b(?:one|use|value)\(text, "([\w-]+)"\)', usage))
    for key in sorted(read - set(keys)):
        yield f"the library reads {key}, which is not printed"
    for key in sorted(set(keys) - read - UNREAD):
        yield f"the library does not read {key}"


def main(argv):
    texts = []
    for path in argv[1:]:
        with open(path, encoding="utf-8") as f:
            texts.append(f.read())
    found = list(complaints(*texts))
    for line in found:
        print("error: " + line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
