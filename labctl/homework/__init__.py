"""What a student hands in or starts from: evidence, notebook, example projects."""
