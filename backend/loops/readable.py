"""A loop nest as text for people: loops, folds, stores."""

from __future__ import annotations

from collections.abc import Sequence

from .language import ROW, Nest, Pass, Value

SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "eq": "==", "ne": "!=", "lt": "<",
    "le": "<=", "gt": ">", "ge": ">=", "and": "&&", "or": "||", "bit_and": "&",
    "bit_or": "|", "bit_xor": "^", "shl": "<<", "shr": ">>",
}  # fmt: skip
PREFIXES = {"neg": "-", "not": "!", "bit_not": "~"}
STEP = "    "


def folding(kind: str) -> str:
    """The sign that folds something in."""
    return {"sum": "+=", "prod": "*="}.get(kind, f"{kind}=")


def nest_lines(nest: Nest, names: Sequence[str]) -> list[str]:
    """The lines of a nest whose arrays have these names."""
    return _Lines(nest, names).lines


class _Lines:
    def __init__(self, nest: Nest, names: Sequence[str]):
        self.nest, self.names = nest, names
        self.lines: list[str] = []
        self.depth = 1
        self.texts: dict[int, str] = {}  # of values that have a name by now
        folded = "in order" if nest.scatters else "in chunks"
        for role, words in (("outer", "at once"), ("folded", folded)):
            axes = nest.along(role)
            if axes:
                self.put(f"for {self.listed(axes)} {words}:")
                self.depth += 1
        self.between(0)
        for turn in range(nest.turns):
            self.passing(nest.pass_of(turn))
            self.between(turn + 1)

    def put(self, line: str) -> None:
        self.lines.append(STEP * self.depth + line)

    def listed(self, axes: Sequence[int | None]) -> str:
        parts = ["0" if axis is None else self.nest.axes[axis].name for axis in axes]
        return ", ".join(parts)

    def element(self, access: int, place: str = "") -> str:
        found = self.nest.accesses[access]
        parts = [self.listed([axis]) for axis in found.axes]
        if found.picked is not None:
            parts[found.picked[0]] = place
        return f"{self.names[found.array]}[{', '.join(parts)}]"

    def between(self, turn: int) -> None:
        """Values of a row that are read by more than one, stores and totals."""
        nest = self.nest
        for index, value in enumerate(nest.values):
            level = nest.level_of(value)
            if (
                level <= ROW
                and value.turn == turn
                and value.args
                and value.op != "fold"
            ):
                self.name(index)
        for store in nest.stores:
            axes = nest.accesses[store.access].axes
            if nest.level(axes) <= ROW and nest.values[store.value].turn == turn:
                self.put(f"{self.element(store.access)} = {self.text(store.value)}")
        for total in nest.totals:
            if total.form == "row" and nest.values[total.value].turn == turn:
                self.left(total.access, total.kind, total.value)

    def left(self, access: int, kind: str, value: int) -> None:
        self.put(f"{self.element(access)} {folding(kind)} {self.text(value)}")

    def passing(self, made: Pass) -> None:
        nest = self.nest
        for index in made.folds:
            self.texts[index] = f"{nest.values[index].data}{index}"
        self.put(f"for {self.listed(nest.along('inner'))}:")
        self.depth += 1
        known = dict(self.texts)
        needed = nest.needed(made)
        for index in sorted(needed):
            readers = sum(nest.values[i].args.count(index) for i in needed)
            readers += [store.value for store in made.stores].count(index)
            readers += [nest.totals[i].value for i in made.totals].count(index)
            readers += [nest.values[i].args[0] for i in made.folds].count(index)
            if readers > 1 and nest.values[index].args:
                self.name(index)
        for index in made.folds:
            value = nest.values[index]
            text = self.text(value.args[0])
            self.put(f"{self.texts[index]} {folding(value.data)} {text}")
        for store in made.stores:
            by = "" if store.by is None else self.text(store.by)
            sign = "=" if store.by is None else "+="
            element = self.element(store.access, by)
            self.put(f"{element} {sign} {self.text(store.value)}")
        for index in made.totals:
            total = nest.totals[index]
            self.left(total.access, total.kind, total.value)
        self.texts = known
        self.depth -= 1

    def name(self, index: int) -> None:
        text = self.text(index)
        self.texts[index] = f"v{index}"
        self.put(f"v{index} = {text}")

    def text(self, index: int) -> str:
        """A value as an expression."""
        if index in self.texts:
            return self.texts[index]
        value = self.nest.values[index]
        args = [self.text(each) for each in value.args]
        if value.op == "load":
            return self.element(value.data, *args)
        if value.op in SIGNS:
            return f" {SIGNS[value.op]} ".join(map(self.closed, value.args))
        if value.op in PREFIXES:
            return f"{PREFIXES[value.op]}({args[0]})"
        if value.op == "select":
            condition, yes, no = map(self.closed, value.args)
            return f"{condition} ? {yes} : {no}"
        if args:
            name = str(value.dtype) if value.op == "cast" else value.op
            return f"{name}({', '.join(args)})"
        return self.source(value)

    def closed(self, index: int) -> str:
        """A value as an operand, in brackets if it is made with a sign."""
        text = self.text(index)
        op = self.nest.values[index].op
        signed = index not in self.texts and (op in SIGNS or op == "select")
        return f"({text})" if signed else text

    def source(self, value: Value) -> str:
        match value.op:
            case "partial":
                access, kind = value.data
                return f"{kind} of {self.element(access)}"
            case "index":
                return self.nest.axes[value.data].name
            case "size":
                return f"size{value.data}"
        return str(value.data)
