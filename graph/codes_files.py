"""Codes of files that import each other, and of what the host gives: T0221 on."""

from .code import entry

entry(
    "T0221",
    "an import that leads nowhere, or out of the folder",
    """An import names a `.net` file by its path from the importing file. Links are
    followed first; then the file has to lie in the folder of the first file, or in the
    `root` that the host gives, so that a text from a stranger reads nothing else.""",
    'import "/home/me/blocks.net" as blocks',
    'dim B  # with blocks.net beside this file: import "blocks.net" as blocks',
)
entry(
    "T0222",
    "files that import each other in a circle",
    """Each file is checked once, after all that it imports. The note shows the way
    round. What both files need belongs into a third one.""",
    "tulle check model.net  # which imports blocks.net, which imports model.net",
    "tulle check model.net  # model.net and blocks.net import common.net",
    form="shell",
)
entry(
    "T0223",
    "a name that an imported file does not lend",
    """A file lends its `fn`, `layer`, `extern layer`, `const` and `model`. Sizes and
    settings are its own, and so is what it imports itself.""",
    'tulle check model.net  # import "blocks.net" (width), where width is a config',
    'tulle check model.net  # import "blocks.net" (Mlp), where Mlp is a layer',
    form="shell",
)
entry(
    "T0908",
    "too many files",
    "A file and what it imports are at most 64 files, and imports go at most 16 deep.",
    "tulle check model.net  # 65 files in a row, each importing the next",
    "tulle check model.net  # what belongs together stands in one file",
    form="shell",
)
entry(
    "T0331",
    "a condition that does not hold",
    """A `where` clause says what sizes have to fulfil. Inside its definition it is
    taken to hold; who uses the definition sees to it, for all sizes that may come. The
    help names the clause that would pass the condition on to the next caller.""",
    """
    dim T
    fn halves[N](x: f32[N]) -> f32[2, N / 2] where N % 2 == 0 = reshape(x, [2, N / 2])
    model M(x: f32[T]) -> f32[2, T // 2] { return halves(x) }
    """,
    """
    dim T
    fn halves[N](x: f32[N]) -> f32[2, N / 2] where N % 2 == 0 = reshape(x, [2, N / 2])
    model M(x: f32[T]) -> f32[2, T // 2] where T % 2 == 0 { return halves(x) }
    """,
)
entry(
    "T0332",
    "a condition that cannot be decided",
    """A question about sizes has three answers: yes for all of them, no, or unknown.
    The notes say what is known of the sizes; a `where` clause settles it.""",
    """
    dim M in 1..100
    dim N in 1..100
    fn f[K](x: f32[K]) -> f32[K] where K * K != 10403 = x
    model Both(x: f32[M + N]) -> f32[M + N] { return f(x) }
    """,
    """
    dim M in 1..100
    dim N in 1..100
    fn f[K](x: f32[K]) -> f32[K] where K * K != 10403 = x
    model Both(x: f32[M + N]) -> f32[M + N] where (M + N) * (M + N) != 10403 {
      return f(x)
    }
    """,
)
entry(
    "T0341",
    "a hole that is left to fill",
    """`?` stands for an expression that is not written yet. The message says which type
    belongs there, and which names of the place would fit.""",
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] { return ? : f32[B, 3] }
    """,
    """
    dim B
    model M(x: f32[B, 4]) -> f32[B, 3] { return x |> Dense(3) }
    """,
)
entry(
    "T0351",
    "an extern layer without a fitting class",
    """The text gives the signature of an extern layer, the host its class: a subclass
    of `Layer` whose constructor takes the settings by name. `tulle check` needs
    none.""",
    """
    from tulle.dsl import loads
    loads('''net 1
    extern layer Scale(by: f32)(x: f32[2]) -> f32[2]''')
    """,
    """
    import tulle
    from tulle.dsl import loads
    class Scale(tulle.layers.Layer):
        def __init__(self, by, **options):
            super().__init__(**options)
            self.by = by
        def call(self, x):
            return x * self.by
    loads('''net 1
    extern layer Scale(by: f32)(x: f32[2]) -> f32[2]''', extern={"Scale": Scale})
    """,
    form="python",
)
entry(
    "T0352",
    "an extern layer that returns something else than is declared",
    """What the class returns is compared with the declaration, as soon as the sizes
    tell and at the latest when it runs.""",
    "load('model.net', extern={'Pool': Pool})  # declared -> f32[B], returns f32[B, 4]",
    "load('model.net', extern={'Pool': Pool})  # declared -> f32[B, 4]",
    form="python",
)
