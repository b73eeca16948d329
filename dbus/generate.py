#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a C header of the D-Bus definition: introspection text, and rows for dispatch.

usage: generate.py DEFINITION.xml OUTPUT.h

Each method, property and signal becomes a row. A row names its handler, which is declared here
and defined nowhere: the agent defines it, or does not link. The rows themselves come only where
CS_BUS_ROWS is defined, in one file.
"""
import re
import sys
import xml.etree.ElementTree as ET


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def noun(interface):
    return snake(interface.rsplit(".", 1)[1].rstrip("0123456789"))


def signature(element, direction):
    return "".join(a.get("type") for a in element.findall("arg")
                   if a.get("direction", "out") == direction)


def c_string(text):
    lines = text.splitlines(keepends=True)
    return "\n".join('    "%s"' % l.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
                     for l in lines)


def introspection(interface):
    ET.indent(interface, "  ", level=1)
    return "  " + ET.tostring(interface, encoding="unicode").strip() + "\n"


def rows(root):
    declared, methods, properties, signals, texts = [], [], [], [], []
    for interface in root.findall("interface"):
        name = interface.get("name")
        prefix = "cs_bus_" + noun(name)
        for m in interface.findall("method"):
            handler = "%s_%s" % (prefix, snake(m.get("name")))
            declared.append("cs_bus_method_handler %s;" % handler)
            methods.append('    {"%s", "%s", "%s", "%s", %s},' % (
                name, m.get("name"), signature(m, "in"), signature(m, "out"), handler))
        for p in interface.findall("property"):
            getter = "%s_get_%s" % (prefix, snake(p.get("name")))
            declared.append("cs_bus_property_getter %s;" % getter)
            properties.append('    {"%s", "%s", "%s", %s},' % (
                name, p.get("name"), p.get("type"), getter))
        for s in interface.findall("signal"):
            signals.append('    {"%s", "%s", "%s"},' % (name, s.get("name"), signature(s, "out")))
        texts.append('    {"%s",\n%s},' % (name, c_string(introspection(interface))))
    return declared, methods, properties, signals, texts


def main():
    definition, output = sys.argv[1:]
    root = ET.parse(definition).getroot()  # the parser drops comments
    declared, methods, properties, signals, texts = rows(root)
    with open(output, "w", encoding="utf-8") as f:
        f.write("/* Generated from %s. */\n" % definition.rsplit("/", 1)[-1])
        f.write("\n".join(declared) + "\n\n#ifdef CS_BUS_ROWS\n")
        for kind, table in (("method", methods), ("property", properties), ("signal", signals),
                            ("interface", texts)):
            plural = kind[:-1] + "ies" if kind.endswith("y") else kind + "s"
            f.write("static const struct cs_bus_%s cs_bus_%s[] = {\n%s\n};\n\n" % (
                kind, plural, "\n".join(table)))
        f.write("#endif\n")


if __name__ == "__main__":
    main()
