"""Official rule sets (Schematron) of an operator, run on documents whose schema is right, in a process of their own.

`rulesets` finds them, `runner` asks the worker and keeps its time, `worker` is that process.
"""

from gateway.pipeline.schematron.rulesets import FOLDER, OfficialRuleSet, RuleSetError, load_rule_sets
from gateway.pipeline.schematron.runner import OfficialRules

__all__ = ["FOLDER", "OfficialRuleSet", "OfficialRules", "RuleSetError", "load_rule_sets"]
