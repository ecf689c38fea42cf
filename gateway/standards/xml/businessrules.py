"""Business rules: what a document must say beyond its schema, as data in `schemas/xml/rules/*.yaml`.

A rule never changes the verdict of the schema. One of severity error holds the document for a person; a warning is
noted. A rule file names its family, and may say which documents of the family it is for (`when`); a rule names its
documents, the elements it looks at (`for`), the condition under which it applies (`when`) and what must hold
(`check`), in the language of `rule_expressions`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import yaml
from lxml import etree

from gateway.resources import iter_files
from gateway.standards.edi.model import VALUE_LIMIT, Finding, Severity
from gateway.standards.xml.names import canonical_name, canonical_path
from gateway.standards.xml.parsing import local_name, namespace_of
from gateway.standards.xml.rule_expressions import compile_expression
from gateway.standards.xml.rule_paths import Place, Reading, RulePath, rule_path
from gateway.standards.xml.rule_scope import EXACT, Expression, Row, Scope, shown
from gateway.standards.xml.rule_walk import RuleWalk
from gateway.standards.xml.schemas import UBL_NAMESPACE

__all__ = ["MOST_PER_RULE", "Rule", "RuleFileError", "RuleSet", "check_rules", "load_rules", "read_rules"]

#: Findings that one rule makes for one document.
MOST_PER_RULE: Final = 20
#: Plans that are remembered: one for each kind of document and rule files that are for it.
_MOST_PLANS: Final = 64
_FOLDER: Final = "schemas/xml/rules"
_FILE_KEYS: Final = frozenset({"family", "name", "when", "rules"})
_RULE_KEYS: Final = frozenset(
    {"id", "documents", "for", "when", "let", "check", "tolerance", "at", "severity", "message", "fix"}
)
_NEEDED: Final = ("id", "documents", "check", "message", "fix")
_SEVERITIES: Final[Mapping[str, Severity]] = {"error": "error", "warning": "warning", "note": "note"}


class RuleFileError(ValueError):
    """A rule file that cannot be used; the text names file, rule and reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule, compiled."""

    #: "ubl-payable": the finding's code is "RULE-ubl-payable".
    id: str
    documents: frozenset[str]
    #: Elements to look at.
    contexts: tuple[RulePath, ...]
    when: Expression | None
    #: Names for intermediate values, in order.
    let: tuple[tuple[str, Expression], ...]
    check: Expression
    #: Amounts may differ by so much.
    tolerance: Decimal
    #: … for each of these elements, at least once; None = once.
    tolerance_per: RulePath | None
    #: The element that the finding is about; None = the element looked at.
    at: RulePath | None
    severity: Severity
    #: Sentence with {path} and {$name} places.
    message: Callable[[Scope], str]
    fix: str


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """The rules of one file."""

    #: "ubl" or "cxml".
    family: str
    #: What the rules are from: "UBL 2", "Peppol BIS 3".
    name: str
    #: For which documents of the family; None = all.
    when: Expression | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How the documents of one name are checked."""

    #: Elements to look at, and the rules for them.
    groups: tuple[tuple[RulePath, tuple[Rule, ...]], ...]
    #: The numbers of the groups that the walk passes, by their number in it.
    walked: tuple[int, ...]
    walk: RuleWalk
    #: Group → what reads for one of its elements, for groups that the walk cannot find.
    others: Mapping[int, RuleWalk]


def check_rules(document: etree._Element, rule_sets: tuple[RuleSet, ...] | None = None) -> tuple[Finding, ...]:
    """What the rules say of a document that its schema accepts: a UBL root, or the request element of cXML."""
    with localcontext(EXACT):
        findings = _findings(document, load_rules() if rule_sets is None else rule_sets)
        return tuple(sorted(findings, key=lambda finding: finding.line or 0))


def _findings(document: etree._Element, rule_sets: tuple[RuleSet, ...]) -> Iterator[Finding]:
    family = "ubl" if (namespace_of(document) or "").startswith(UBL_NAMESPACE) else "cxml"
    used = tuple(
        rule_set
        for rule_set in rule_sets
        if rule_set.family == family and (rule_set.when is None or rule_set.when(Scope(document, document)) is True)
    )
    plan = _plan(used, local_name(document))
    check = _Check(document, plan)
    plan.walk.over(document, lambda number, element, row: check.look(plan.walked[number], element, row))
    for number, reader in plan.others.items():
        for element in plan.groups[number][0].elements(document, document):
            check.look(number, element, reader.row(element))
    made: Counter[str] = Counter()
    for rule, finding in (each for broken in check.broken for each in broken):
        made[rule.id] += 1
        if made[rule.id] <= MOST_PER_RULE:
            yield finding


@lru_cache(_MOST_PLANS)
def _plan(rule_sets: tuple[RuleSet, ...], name: str) -> _Plan:
    """The rules for documents of a name, by the elements that they look at."""
    groups: dict[RulePath, list[Rule]] = {}
    for rule in (rule for rule_set in rule_sets for rule in rule_set.rules if name in rule.documents):
        for path in rule.contexts:
            groups.setdefault(path, []).append(rule)
    numbered = tuple((path, tuple(rules)) for path, rules in groups.items())
    walked = tuple(number for number, (path, _) in enumerate(numbered) if path.is_walked)
    return _Plan(
        numbered,
        walked,
        RuleWalk([(numbered[number][0].tags or (), _reads(numbered[number][1])) for number in walked]),
        {
            number: RuleWalk([((), _reads(rules))])
            for number, (path, rules) in enumerate(numbered)
            if not path.is_walked
        },
    )


def _reads(rules: Iterable[Rule]) -> list[Reading]:
    """What rules read to know whether they are broken."""
    parts = [part for rule in rules for part in (rule.when, *(each for _, each in rule.let), rule.check)]
    return [reading for part in parts if part is not None for reading in part.reads]


class _Check:
    """The check of one document: looks at one element after the other, and keeps what is broken."""

    def __init__(self, document: etree._Element, plan: _Plan) -> None:
        self._document = document
        self._known: Row = {}
        self._tolerances: dict[Rule, Decimal] = {}
        #: For each group the rules that may still make findings.
        self._rules = [rules for _, rules in plan.groups]
        #: For each group the rules broken, in the order of the document.
        self.broken: list[list[tuple[Rule, Finding]]] = [[] for _ in plan.groups]

    def look(self, number: int, element: etree._Element, row: Row) -> None:
        """Check the rules of a group for one element, of which this was read."""
        scope = Scope(element, self._document, known=self._known, row=row)
        for rule in self._rules[number]:
            needs = rule.check.needs
            # Without it nothing can be said: most rules end here for most elements.
            if needs is not None and not row.get(needs, True):
                continue
            scope.tolerance = (
                rule.tolerance if rule.tolerance_per is None else self._tolerance(rule, rule.tolerance_per)
            )
            scope.offender = None
            for name, expression in rule.let:
                scope.names[name] = expression.run(scope)
            if (rule.when is None or rule.when.run(scope) is True) and rule.check.run(scope) is False:
                self._tell(number, rule, scope)

    def _tolerance(self, rule: Rule, per: RulePath) -> Decimal:
        """By how much the amounts of a document may differ; counted once."""
        if rule not in self._tolerances:
            self._tolerances[rule] = rule.tolerance * max(1, len(per.elements(self._document, self._document)))
        return self._tolerances[rule]

    def _tell(self, number: int, rule: Rule, scope: Scope) -> None:
        broken = self.broken[number]
        broken.append((rule, _finding(rule, scope)))
        if sum(1 for other, _ in broken if other is rule) == MOST_PER_RULE:
            self._rules[number] = tuple(each for each in self._rules[number] if each is not rule)


def _finding(rule: Rule, scope: Scope) -> Finding:
    place = scope.offender
    if place is None and rule.at is not None:
        place = next(rule.at.places(scope.here, scope.document), None)
    if place is None:
        place = Place(scope.here, "", "")
    scope.names["offender"] = place.text or None
    path = canonical_path(place.element, _top(scope.document))
    return Finding(
        f"RULE-{rule.id}",
        rule.severity,
        rule.message(scope),
        rule.fix,
        segment=canonical_name(place.element),
        value=place.text[:VALUE_LIMIT] or None,
        path=f"{path}/@{place.attribute}" if place.attribute else path,
        line=place.element.sourceline,
    )


def _top(document: etree._Element) -> etree._Element:
    """Where paths are counted from: the document element, or the cXML element around a request."""
    envelope = next(document.iterancestors("cXML"), None)
    return document if envelope is None else envelope


@cache
def load_rules() -> tuple[RuleSet, ...]:
    """The packaged rules. Raises RuleFileError when one is wrong."""
    return tuple(read_rules(path) for path in iter_files(_FOLDER, "*.yaml"))


def read_rules(path: Path) -> RuleSet:
    """Read and compile one rule file. Raises RuleFileError when it is wrong."""
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise RuleFileError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict) or not {"family", "name", "rules"} <= content.keys() <= _FILE_KEYS:
        raise RuleFileError(f"{path.name} must have the keys family, name and rules, and may have when.")
    try:
        rules = tuple(_rule(facts, path) for facts in content["rules"])
        when = compile_expression(content["when"]) if "when" in content else None
    except ValueError as error:
        raise error if isinstance(error, RuleFileError) else RuleFileError(f"{path.name}, when: {error}") from error
    ids = [rule.id for rule in rules]
    for rule_id in ids:
        if ids.count(rule_id) > 1:
            raise RuleFileError(f"{path.name} has two rules {rule_id}. Give one another id.")
    return RuleSet(content["family"], content["name"], when, rules)


def _rule(facts: dict[str, Any], path: Path) -> Rule:
    name = facts.get("id", "without id")
    where = f"{path.name}, rule {name}"
    if unknown := sorted(facts.keys() - _RULE_KEYS):
        raise RuleFileError(f"{where}: {unknown[0]} is no key of a rule. Known are {', '.join(sorted(_RULE_KEYS))}.")
    if missing := [key for key in _NEEDED if not facts.get(key)]:
        raise RuleFileError(f"{where}: {missing[0]} is missing.")
    if facts.get("severity", "error") not in _SEVERITIES:
        raise RuleFileError(f"{where}: the severity must be one of {', '.join(_SEVERITIES)}.")
    tolerance = facts.get("tolerance", 0)
    amount, per = (tolerance["amount"], tolerance["per"]) if isinstance(tolerance, dict) else (tolerance, None)
    contexts = facts.get("for", ".")
    try:
        let: dict[str, Expression] = {}
        for key, each in facts.get("let", {}).items():
            let[key] = compile_expression(str(each), let)
        return Rule(
            name,
            frozenset(facts["documents"]),
            tuple(rule_path(each) for each in ([contexts] if isinstance(contexts, str) else contexts)),
            compile_expression(facts["when"], let) if "when" in facts else None,
            tuple(let.items()),
            compile_expression(facts["check"], let),
            Decimal(str(amount)),
            rule_path(per) if per else None,
            rule_path(facts["at"]) if "at" in facts else None,
            _SEVERITIES[facts.get("severity", "error")],
            _template(facts["message"], [*let, "offender"]),
            facts["fix"],
        )
    except (ValueError, ArithmeticError) as error:
        raise RuleFileError(f"{where}: {error}") from error


def _template(text: str, names: Collection[str]) -> Callable[[Scope], str]:
    """A sentence with expressions in braces. Raises ValueError when one cannot be read."""
    parts: list[tuple[str, Expression | None]] = []
    for piece in text.split("{"):
        expression, closed, rest = piece.partition("}")
        if closed:
            parts += [("", compile_expression(expression, names)), (rest, None)]
        else:
            parts.append((piece, None))

    def sentence(scope: Scope) -> str:
        return "".join(
            fixed if expression is None else shown(expression(scope))[:VALUE_LIMIT] for fixed, expression in parts
        )

    return sentence
