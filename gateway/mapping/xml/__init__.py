"""Maps between canonical documents and XML documents: the same map language, rules along elements instead of segments.

`load_map` gives an `XmlMap` for the standards "ubl" and "cxml"; reading then writing gives back the same XML, prefixes,
comments and insignificant white space aside.
"""

from __future__ import annotations

from gateway.mapping.xml.engine import WrittenXml, XmlMap, read_xml_document, write_xml_document, xml_coverage

__all__ = ["WrittenXml", "XmlMap", "read_xml_document", "write_xml_document", "xml_coverage"]
