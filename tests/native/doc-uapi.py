#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold docs/uapi.md to uapi/xen/gpumem.h, and the header to it.

    doc-uapi.py HEADER DOCUMENT

Each macro of the one is named in the other.  Each structure has a section with
its name in the heading, which names every field in backticks, and exactly
those errnos that the structure's comment in the header names.
"""
import errno
import re
import sys

MACRO = r"\bXEN_GPUMEM_[A-Z0-9_]*[A-Z0-9]\b"
# Mentioned in the header where they are no result of a call.
ALIASES = {"XEN_GPUMEM_EVENT", "XEN_GPUMEM_H"}


def errnos(text):
    return {w for w in re.findall(r"\bE[A-Z0-9]+\b", text)
            if hasattr(errno, w)}


def macros(text):
    return {m for m in re.findall(MACRO, text)} - ALIASES


def structures(header):
    """Name -> (comment, fields)"""
    found = {}
    for comment, name, body in re.findall(
            r"/\*\*\n((?: \*[^/\n].*\n| \*\n)*?) \*/\nstruct (\w+) \{\n"
            r"((?:\t.*\n)*)\};", header):
        fields = re.findall(r"(\w+);", body)
        found[name] = (comment, fields)
    return found


def sections(document):
    """Structure -> text of the section whose heading names it"""
    found = {}
    for part in re.split(r"^#{2,3} ", document, flags=re.M)[1:]:
        heading, _, text = part.partition("\n")
        for name in re.findall(r"struct (\w+)", heading):
            found[name] = text
    return found


def compare(what, header, document):
    for word in sorted(header - document):
        yield f"{what}: {word} is in the header, not in the document"
    for word in sorted(document - header):
        yield f"{what}: {word} is in the document, not in the header"


def complaints(header, document):
    defined = {m for m in re.findall(rf"^#define ({MACRO})", header, re.M)}
    yield from compare("macros", defined, macros(document))

    # What all calls can return is said once, before the first structure.
    yield from compare("common errors",
                       errnos(header.partition("#ifndef")[0]),
                       errnos(document.partition("## Rules")[2]
                              .partition("\n## ")[0]))
    known, told = structures(header), sections(document)
    if len(known) < 10:
        yield f"only {len(known)} structures found in the header"
    yield from compare("structures", set(known), set(told))
    for name in sorted(known.keys() & told.keys()):
        comment, fields = known[name]
        words = {w for code in re.findall(r"`([^`]*)`", told[name])
                 for w in re.findall(r"\w+", code)}
        for field in fields:
            if not field.startswith("__") and field not in words \
                    and field != "size":
                yield f"{name}: field {field} is not in the document"
        yield from compare(name, errnos(comment), errnos(told[name]))


def main(argv):
    with open(argv[1], encoding="utf-8") as f:
        header = f.read()
    with open(argv[2], encoding="utf-8") as f:
        document = f.read()
    found = list(complaints(header, document))
    for line in found:
        print("error: " + line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
