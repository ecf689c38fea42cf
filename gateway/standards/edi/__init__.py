"""What X12 and EDIFACT share: separators, segments, schemas, and validation in two tiers over one set of
tables.

`validator` makes a `SetValidator` for a transaction set. Its `verdict` says at the speed of compiled patterns
whether a set is good; its `explain` walks a set that is not and says what is wrong, where, why and what to
do; its `tree` puts an accepted set into its loops. The three are made from the same tables and are tested to
agree.
"""
