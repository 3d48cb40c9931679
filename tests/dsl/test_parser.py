"""Trees and their spans; syntax errors by line, column and words."""

import pytest

from tulle.dsl import syntax
from tulle.dsl.parser import parse
from tulle.graph.diagnostics import Source

HEAD = "net 1\ndim B\n"


def parsed(text):
    tree, faults = parse(Source("a.net", text))
    assert faults == []
    return tree


def faults(text):
    tree, found = parse(Source("a.net", text))
    assert tree is None
    return [(d.span.line, d.span.column, d.code, d.message) for d in found]


def expression(text):
    value = parsed(f"net 1 const a: f32 = {text}").items[0].value
    assert written(value.span) == text
    return value


def written(span):
    lines = [span.source.line(n) for n in range(span.line, span.end_line + 1)]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def test_items():
    tree = parsed(
        """net 1
        dim B in 1..2
        config c: int = 3 in 1..<4
        const k: bool = true
        fn f[..S, K](x: f32[..S, K], y: f32[] = 1.0,) -> f32[..S] = x
        layer L[K](n: int = 3)(x: f32[K]) -> f32[K] {
          param w: f32[K] = zeros()
          return x
        }
        model M(x: f32[B, 3]) -> (a: f32[B], b: f32[]) {
          let (a, b,) = (x, x)
          return (a, b)
        }
        train M(y: f32[B]) { loss y optimizer adam() metrics { } run { batch = 3, } }
        """
    )
    kinds = [type(item).__name__ for item in tree.items]
    assert kinds == [
        "DimItem", "ConfigItem", "ConstItem", "FunctionItem", "LayerItem", "ModelItem",
        "TrainItem",
    ]  # fmt: skip
    dim, config, const, function, layer, model, train = tree.items
    assert dim.bounds.closed
    assert not config.bounds.closed
    assert const.value.value is True
    assert [written(g.span) for g in function.generics.items] == ["..S", "K"]
    assert function.parameters.items[1].default.value == 1.0
    assert len(layer.settings.items) == len(layer.parameters.items) == 1
    assert [o.name.text for o in model.result.outputs] == ["a", "b"]
    assert model.body.statements[0].unpacks
    assert [type(s).__name__ for s in train.sections] == [
        "LossSection", "OptimizerSection", "MetricsSection", "RunSection",
    ]  # fmt: skip


def test_chains_are_flat_and_know_their_places():
    chain = expression("a + b * c - d")
    assert [o.text for o in chain.operators] == ["+", "-"]
    assert [written(o.span) for o in chain.operands] == ["a", "b * c", "d"]


def test_power_binds_tighter_than_minus_and_groups_from_the_right():
    unary = expression("-a ** -b ** c")
    assert isinstance(unary, syntax.Unary)
    assert [written(o.span) for o in unary.operand.operands] == ["a", "b", "c"]
    assert [len(n) for n in unary.operand.negations] == [0, 1, 0]


def test_pipes_and_names():
    pipe = expression("x |> Dense(3, activation = relu) as h |> f")
    assert [s.name and s.name.text for s in pipe.stages] == ["h", None]
    assert written(pipe.stages[0].function.span) == "Dense(3, activation = relu)"


def test_index_with_ranges():
    application = expression("x[:, 0, 1:, ::2]")
    first, second, third, fourth = application.trailers[0].items
    assert (first.start, first.stop, first.step) == (None, None, None)
    assert second.value == 0
    assert third.start.value == 1
    assert fourth.step.value == 2


def test_ascription_and_group():
    group = expression("(x : f32[B, ..S, 2 * K])")
    assert [written(d.span) for d in group.value.type.dims] == ["B", "..S", "2 * K"]


def test_comments_and_line_ends():
    assert len(parsed("# a\nnet 1 # b\r\n## c\r\ndim B # d").items) == 1


BODY = HEAD + "model M(x: f32[B]) -> f32[B] {\n  %s\n  let after = x\n  return x\n}\n"


@pytest.mark.parametrize(
    ("statement", "column", "code", "message"),
    [
        ("let h = f(x, 3", 17, "T0103", "`(` is never closed"),
        ("let h = x[3 |> f", 14, "T0103", "`[` is never closed"),
        ("let h = (3]", 13, "T0103", "`(` is never closed"),
        ("let h = 3)", 12, "T0104", "`)` closes nothing"),
        ("let let = 3", 7, "T0106", "`let` is a reserved word and cannot be a name"),
        ("let loss = 3", 7, "T0106", "`loss` is a reserved word and cannot be a name"),
        (
            "let repeat = 3",
            7,
            "T0106",
            "`repeat` is a reserved word and cannot be a name",
        ),
        ("h = 3", 3, "T0107", "`h` begins no statement"),
        ("def f(x)", 3, "T0107", "`def` begins no statement"),
        ("optimizer x", 3, "T0107", "`optimizer` begins no statement"),
        ("let h 3", 9, "T0100", "`3` cannot stand here"),
        ("let h = 3 +", 14, "T0100", "something is missing after `+`"),
        ("let h = 3 = 4", 13, "T0100", "`=` cannot stand here"),
        ("let h = f(a, , b)", 16, "T0100", "`,` cannot stand here"),
        ("let h = a < b < c", 17, "T0100", "comparisons are not chained"),
        ("let h = 08abc", 11, "T0101", "`08abc` is not a number"),
        ("let h = 1.", 11, "T0101", "`1.` is not a number"),
        ("let h = 'same'", 11, "T0101", "`'same'` has no meaning in a `.net` file"),
        ('let h = "same', 11, "T0102", 'the string has no closing `"`'),
        ("let h = größe", 11, "T0101", "`größe` is not a name"),
        ("let h = x + été", 15, "T0101", "`été` is not a name"),
        ("let h = u\u0308b", 11, "T0101", "`u\u0308b` is not a name"),
        ("let ß = 1 let h = ß", 7, "T0101", "`ß` is not a name"),
        ("let h = \u202ex", 11, "T0101", "U+202E has no meaning in a `.net` file"),
    ],
)
def test_one_fault_is_told_once(statement, column, code, message):
    assert faults(BODY % statement) == [(4, column, code, message)]


def test_several_faults_are_told_in_one_run():
    text = BODY % "let h = f(x\n  let i = 3 +\n  let j = 3\n  lett k = 3\n  let l = ]"
    codes = [code for _, _, code, _ in faults(text + "dim\nmodel N(")]
    assert codes == ["T0103", "T0100", "T0107", "T0104", "T0100", "T0103"]


def test_unclosed_brace_leaves_no_orphans():
    text = HEAD + "model M(x: f32[B]) -> f32[B] {\n  return x\n\ndim C\n"
    assert faults(text) == [(4, 11, "T0103", "`{` is never closed")]


@pytest.mark.parametrize("text", ["", "dim B", "# only a comment"])
def test_the_edition_comes_first(text):
    assert [code for _, _, code, _ in faults(text)] == ["T0105"]


def test_the_text_ends_too_early():
    assert faults("net 1\nmodel M(x: f32[B]) -> f32[B]") == [
        (2, 29, "T0100", "`{` is missing after `]`")
    ]


def test_no_message_names_a_class_of_tokens():
    for statement in ("let", "let a", "param w", "return", "let a = f(", "let (a"):
        _, found = parse(Source("a.net", BODY % statement))
        for fault in found:
            words = f"{fault.message} {fault.label}"
            assert not any(name in words for name in ("LPAREN", "NAME", "COMMA", "$"))


def test_columns_count_characters():
    assert faults('net 1\nconst a: f32 = "größe" ;\n')[0][:2] == (2, 24)
