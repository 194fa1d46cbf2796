"""Designs, one file each; ``design`` finds the one that a name, a fraction and a number of trials mean."""

from __future__ import annotations

from empirical.designs.bernoulli import Bernoulli
from empirical.designs.design import Design
from empirical.designs.fixed import Fixed
from empirical.designs.folds import Folds
from empirical.designs.orthogonal import Orthogonal
from longtail.core import ArgumentError, Integers, calls, flag

NAMES = ("fixed", "bernoulli", "orthogonal")


def design(
    name: str,
    fraction: float | None = None,
    *,
    models: int,
    n: int,
    classes: Integers | None = None,
    stratified: bool = False,
) -> Design:
    """The design called ``name``; ``fraction`` None is .7, or .75 for an orthogonal array.

    >>> design("orthogonal", models=1024, n=60)
    Orthogonal(fraction=0.75, rows=256, stratified=False)
    """
    flag("stratified", stratified)
    if name == "orthogonal":
        return Orthogonal.over(0.75 if fraction is None else fraction, models, n, classes if stratified else None)
    share = 0.7 if fraction is None else fraction
    if name == "fixed":
        return Fixed(share, stratified)
    if name == "bernoulli":
        if stratified:
            raise ArgumentError(
                "stratified", True, "Bernoulli subsets are drawn example by example already; stratify fixed-size ones"
            )
        return Bernoulli(share)
    raise ArgumentError("design", name, f"give one of {', '.join(NAMES)}")


def halved(full: Design) -> Design:
    """The design of half as many examples, for a learning curve; arrays, which exist for few shares, become coins.

    >>> halved(Fixed(0.7)), halved(Orthogonal(0.75, 256))
    (Fixed(fraction=0.35, stratified=False), Bernoulli(fraction=0.375))
    """
    if isinstance(full, Fixed):
        return Fixed(full.fraction / 2, full.stratified)
    if isinstance(full, (Bernoulli, Orthogonal)):
        return Bernoulli(full.fraction / 2)
    raise ArgumentError("design", repr(full), f"of {', '.join(NAMES)} it is known what half of it is")


def recorded(text: str) -> Design:
    """The design of ours that a run's record names by its repr.

    >>> recorded("Fixed(fraction=0.7, stratified=False)")
    Fixed(fraction=0.7, stratified=False)
    """
    kinds: dict[str, type[Design]] = {kind.__name__: kind for kind in (Bernoulli, Fixed, Folds, Orthogonal)}
    call = calls.read("design", text, "it is not the design of a run")
    if call.name not in kinds:
        raise ArgumentError("design", calls.shortened(text), "its subsets cannot be drawn again: it is none of ours")
    made: Design = calls.made("design", call, kinds[call.name])
    return made


__all__ = ["NAMES", "Bernoulli", "Design", "Fixed", "Folds", "Orthogonal", "design", "halved", "recorded"]
