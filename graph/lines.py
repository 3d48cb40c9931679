"""How the links of a diagram run: from box to box, through the frames around them.

A tensor that several boxes of a frame read enters it once, at a joint. `drawing` draws
the lines; each lies in the innermost frame around both of its ends.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .diagram import Diagram, Link


@dataclass(frozen=True, slots=True)
class Joint:
    """Where a tensor that several boxes of a frame read enters it, as one line."""

    source: str
    cluster: int


Stop = str | Joint


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a link between boxes and joints, and the frame that it lies in."""

    start: Stop
    end: Stop
    link: Link
    cluster: int | None
    first: bool
    last: bool


def lines_of(diagram: Diagram) -> Iterator[Line]:
    """The lines of all links; what several links have in common comes once."""
    parents = {cluster.number: cluster.parent for cluster in diagram.clusters}
    places = {box.key: box.cluster for box in diagram.boxes}

    def around(stop: Stop) -> list[int]:
        """The frames around a box or joint, from the outermost."""
        cluster = stop.cluster if isinstance(stop, Joint) else places[stop]
        found: list[int] = []
        while cluster is not None:
            found.insert(0, cluster)
            cluster = parents[cluster]
        return found

    entered = {}
    for link in diagram.links:
        known = set(around(link.source))
        inside = [c for c in around(link.target) if c not in known]
        entered[link] = [Joint(link.source, cluster) for cluster in inside]
    uses = Counter(joint for joints in entered.values() for joint in joints)
    drawn: set[tuple[Stop, Stop]] = set()
    for link, joints in entered.items():
        shared = (joint for joint in joints if uses[joint] > 1)
        stops: list[Stop] = [link.source, *shared, link.target]
        for index, (start, end) in enumerate(itertools.pairwise(stops)):
            last = index == len(stops) - 2
            if last or (start, end) not in drawn:
                both = [c for c in around(start) if c in around(end)]
                frame = both[-1] if both else None
                yield Line(start, end, link, frame, not index, last)
            drawn.add((start, end))


__all__ = ["Joint", "Line", "Stop", "lines_of"]
