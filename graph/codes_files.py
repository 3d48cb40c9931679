"""Codes of files that import each other, and of what the host gives: T0221 on."""

from .code import entry

entry(
    "T0221",
    "an import that leads nowhere, or out of the folder",
    """An import names a `.net` file by its path from the importing file. Links are
    followed first; then the file has to lie in the folder of the first file, or in the
    `root` that the host gives, so that a text from a stranger reads nothing else.""",
    """
    printf 'net 1\\nimport "../blocks.net" as blocks\\n' > model.net
    tulle check model.net
    """,
    """
    printf 'net 1\\nconst width: int = 64\\n' > blocks.net
    printf 'net 1\\nimport "blocks.net" as blocks\\n' > model.net
    tulle check model.net
    """,
    form="shell",
)
entry(
    "T0222",
    "files that import each other in a circle",
    """Each file is checked once, after all that it imports. The note shows the way
    round. What both files need belongs into a third one.""",
    """
    printf 'net 1\\nimport "heads.net" as heads\\n' > model.net
    printf 'net 1\\nimport "model.net" as whole\\n' > heads.net
    tulle check model.net
    """,
    """
    printf 'net 1\\nimport "heads.net" as heads\\n' > model.net
    printf 'net 1\\nconst classes: int = 10\\n' > heads.net
    tulle check model.net
    """,
    form="shell",
)
entry(
    "T0223",
    "a name that an imported file does not lend",
    """A file lends its `fn`, `layer`, `extern layer`, `const` and `model`. Its sizes
    and settings are its own, and so is what it imports itself. A setting of an imported
    file is set from outside, as `--set blocks.width=64`.""",
    """
    printf 'net 1\\nconfig width: int = 64\\n' > blocks.net
    printf 'net 1\\nimport "blocks.net" (width)\\n' > model.net
    tulle check model.net
    """,
    """
    printf 'net 1\\nconst width: int = 64\\n' > blocks.net
    printf 'net 1\\nimport "blocks.net" (width)\\n' > model.net
    tulle check model.net
    """,
    form="shell",
)
entry(
    "T0908",
    "too many files",
    "A file and what it imports are at most 64 files, and imports go at most 16 deep.",
    """
    echo 'net 1' > part17.net
    for i in $(seq 1 16); do
      printf "net 1\\nimport \\"part$((i + 1)).net\\" as next\\n" > part$i.net
    done
    tulle check part1.net
    """,
    """
    echo 'net 1' > part3.net
    for i in 1 2; do
      printf "net 1\\nimport \\"part$((i + 1)).net\\" as next\\n" > part$i.net
    done
    tulle check part1.net
    """,
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
    """The text gives the signature of an `extern layer`. Whoever loads the text gives
    its class, under the same name: a subclass of `tulle.layers.Layer` whose constructor
    takes the settings by name. `tulle check` needs none.""",
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
    """What the class returns is compared with the declaration of the `extern layer`,
    when the text is loaded if its sizes tell, and at the latest when it runs. One of
    the two is changed to be like the other.""",
    """
    import tulle
    from tulle.dsl import loads

    class Pool(tulle.layers.Layer):
        def call(self, x):
            return tulle.ops.max(x, axis=-1, keepdims=True)

    loads('''net 1
    dim B
    extern layer Pool()(x: f32[B, 4]) -> f32[B]
    model M(x: f32[B, 4]) -> f32[B] { return x |> Pool() }''', extern={"Pool": Pool})
    """,
    """
    import tulle
    from tulle.dsl import loads

    class Pool(tulle.layers.Layer):
        def call(self, x):
            return tulle.ops.max(x, axis=-1)

    loads('''net 1
    dim B
    extern layer Pool()(x: f32[B, 4]) -> f32[B]
    model M(x: f32[B, 4]) -> f32[B] { return x |> Pool() }''', extern={"Pool": Pool})
    """,
    form="python",
)
