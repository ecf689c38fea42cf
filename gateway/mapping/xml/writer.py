"""Writing: the plan filled from a document, every element at its place in the order of the schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from pydantic import BaseModel

from gateway.mapping.xml.choice import assign, held, word_of
from gateway.mapping.xml.fill import Fill, filler
from gateway.mapping.xml.out import Out
from gateway.mapping.xml.plan import Edge, Frame, Leaf, ListRule, Node
from gateway.mapping.xml.rules import At, Condition
from gateway.mapping.xml.session import WriteFrame, WriteSession
from gateway.mapping.xml.under import Branch, leaves_below

__all__ = ["FrameWriter"]


class FrameWriter:
    """Writes one object to its element."""

    def __init__(self, plan: Frame) -> None:
        """Compile the frame and the frames of its lists."""
        self.plan = plan
        self.root = _NodeWriter(plan.root)
        self.slots = {slot.rule: slot.number for slot in plan.slots if slot.rule is not None}

    def write(self, frame: WriteFrame, session: WriteSession, edge: Edge | None = None) -> Out | None:
        """The element; None when there is nothing to write. The document's own element (no edge) always is."""
        self._assign(frame, session)
        out = self.root.write(frame, session, edge, always=edge is None)
        if out is not None:
            session.wrote(frame, out)
        return out

    def _assign(self, frame: WriteFrame, session: WriteSession) -> None:
        """Give each entry of each list to its rule."""
        for group in self.plan.groups:
            target = frame.targets[group.slot]
            items = held(target, group.items) if target is not None else None
            if not items or not all(session.is_chosen(frame, each) for each in group.within):
                continue
            path = frame.json_path(group.slot, group.items)
            if group.rules[0].under:
                self._branches(group.rules[0], items, path, frame, session)
                continue
            rules = assign(group, items, frame.choices.get(group.key))
            for index, (item, rule) in enumerate(zip(items, rules, strict=True)):
                if rule is None:
                    session.log.not_carried(session.where(f"{path}[{index}]"), "no rule of the map is for this entry")
                    continue
                frame.assigned.setdefault(rule, []).append((index, item, f"{path}[{index}]", ()))
                if rule in self.slots:
                    frame.targets[self.slots[rule]] = item
                    frame.slot_paths[self.slots[rule]] = f"{path}[{index}]"

    @staticmethod
    def _branches(rule: ListRule, items: Sequence[Any], path: str, frame: WriteFrame, session: WriteSession) -> None:
        reason = "the written document has no place for a unit of this level here, or nothing is in it"
        for index, branch in enumerate(leaves_below(rule, items, path)):
            if isinstance(branch, Branch):
                frame.assigned.setdefault(rule, []).append((index, branch.leaf, branch.path, tuple(branch.above)))
            else:
                session.log.not_carried(session.where(branch), reason)


class _NodeWriter:
    """Writes one element within a frame."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.text = filler(node.text) if node.text is not None else None
        self.is_leaf = node.is_leaf
        self.attributes: list[tuple[str, Leaf, Fill]] = [
            (name, leaf, filler(leaf)) for name, leaf in node.attributes.items()
        ]
        self.clusters = [
            [_EdgeWriter(edge) for edge in edges] for _, edges in groupby(node.edges, key=lambda edge: edge.rank)
        ]
        self.forced = [(leaf, leaf.constant or leaf.default or "") for leaf in node.forced]

    def write(self, frame: WriteFrame, session: WriteSession, edge: Edge | None, *, always: bool = False) -> Out | None:
        """The element, None when nothing stands in it."""
        node = self.node
        out = Out(node.name, node.place, edge.rank if edge else 0, edge.number if edge else 0)
        if self.text is not None:
            text = self.text(frame, session)
            if text:
                out.text = text
            elif self.is_leaf and not always:
                self._report_attributes(frame, session)
                return None
        for name, leaf, fill in self.attributes:
            if leaf.source is not None and out.text is None and self.text is not None:
                continue
            value = fill(frame, session)
            if value:
                out.attributes[name] = value
        for cluster in self.clusters:
            _cluster(cluster, frame, session, out)
        if out.is_empty and not always:
            return None
        for leaf, value in self.forced:
            place = out.made(leaf.way) if leaf.makes else out.reached(leaf.way)
            if place is None:
                continue
            if leaf.attribute:
                place.attributes.setdefault(leaf.attribute, value)
            elif place.text is None:
                place.text = value
        for leaf in node.required:
            session.require(leaf, frame, out)
        return out

    def _report_attributes(self, frame: WriteFrame, session: WriteSession) -> None:
        for _, leaf, fill in self.attributes:
            if leaf.source is None and leaf.paths and leaf.constant is None and fill(frame, session):
                path = session.where(frame.json_path(leaf.slot, leaf.paths[0]))
                session.log.not_carried(path, f"{self.node.name} would have no text for it to stand beside")


def _cluster(cluster: list[_EdgeWriter], frame: WriteFrame, session: WriteSession, out: Out) -> None:
    """Elements of one rank: a step, or the entries of one list in their order, whichever rule each belongs to."""
    if cluster[0].wrapper is not None:
        out.children.extend(cluster[0].wrappers(frame, session))
        return
    if cluster[0].edge.rule is None:
        for writer in cluster:
            found = writer.step(frame, session)
            if found is not None:
                out.children.append(found)
        return
    entries = [
        (index, item, path, above, writer)
        for writer in cluster
        if writer.edge.rule is not None
        for index, item, path, above in frame.assigned.get(writer.edge.rule, ())
    ]
    if len(cluster) > 1:
        entries.sort(key=lambda entry: entry[0])
    for _, item, path, above, writer in entries:
        found = writer.entry(item, path, above, frame, session)
        if found is not None:
            out.children.append(found)


class _EdgeWriter:
    """Writes what stands at the end of an edge."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.node = _NodeWriter(edge.node) if edge.rule is None else None
        rule = edge.rule
        self.frame = FrameWriter(rule.frame) if rule is not None and rule.frame is not None else None
        self.wrapper = FrameWriter(rule.wrapper) if rule is not None and rule.wrapper is not None else None

    def step(self, frame: WriteFrame, session: WriteSession) -> Out | None:
        """An element on the way."""
        edge = self.edge
        assert self.node is not None
        if edge.alternative is not None and not session.is_chosen(frame, edge.alternative):
            return None
        marks = session.log.marks()
        out = self.node.write(frame, session, edge)
        if out is not None and not _meets(out, edge.when, edge.unless):
            session.log.back_to(marks)
            return None
        return out

    def entry(
        self, item: Any, path: str, above: tuple[Any, ...], frame: WriteFrame, session: WriteSession
    ) -> Out | None:
        """The element of one entry of a list."""
        assert self.frame is not None and self.edge.rule is not None
        rule = self.edge.rule
        inner = session.enter(frame, rule, item, path, above, self.frame.plan.width)
        session.log.path.append(path)
        out = self.frame.write(inner, session, self.edge)
        if out is None and _has_values(item, rule):
            session.log.not_carried(session.where(), "the map has no place for what stands in it")
        session.log.path.pop()
        return out

    def wrappers(self, frame: WriteFrame, session: WriteSession) -> Iterator[Out]:
        """The elements around the entries of a flat list: a new one where the values that they share change."""
        rule, wrapper = self.edge.rule, self.wrapper
        assert rule is not None and rule.inner is not None and wrapper is not None
        shared = [path for leaf in wrapper.plan.leaves for path in leaf.paths]
        around: WriteFrame | None = None
        last: list[Any] = []
        frames: list[WriteFrame] = []
        for entry in frame.assigned.get(rule, ()):
            values = [held(entry[1], path) for path in shared]
            if around is None or values != last or session.begins_wrapper(entry[1]):
                around = session.enter_wrapper(entry[1], wrapper.plan.width)
                frames.append(around)
            around.assigned.setdefault(rule.inner, []).append(entry)
            last = values
        for each in frames:
            found = wrapper.write(each, session, self.edge)
            if found is not None:
                yield found


def _has_values(item: Any, rule: ListRule) -> bool:
    """Whether an entry says more than what the rule gives it."""
    if not isinstance(item, BaseModel):
        return bool(item)
    constants = {path[0] for path, _ in rule.constants}
    return any(word_of(getattr(item, name)) for name in item.model_fields_set - constants - {"anchor"})


def _meets(out: Out, when: Sequence[Condition], unless: Sequence[Condition]) -> bool:
    return all(condition.holds(_text(out, condition.at)) for condition in when) and not any(
        condition.holds(_text(out, condition.at)) for condition in unless
    )


def _text(out: Out, at: At) -> str | None:
    here: Out | None = out
    for name in at.steps:
        here = next(_named(here, name), None) if here is not None else None
    if here is None:
        return None
    return here.attributes.get(at.attribute) if at.attribute else here.text or ""


def _named(out: Out, name: str) -> Iterator[Out]:
    return (child for child in out.children if child.name == name)
