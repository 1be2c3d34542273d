"""A plugin whose declarations say impossible things."""

from mlops import Pipeline, node


@node(outputs=["x"], inputs=["y"])
def no_argument(z):
    return z


@node(outputs=["v"])
def bad_default(*, count: int = "many"):
    return count


@node(outputs=["w"])
def stars(*args):
    return args


good = node(outputs=["good_value"])(lambda: 1)
good.__name__ = "good"
other_name = Pipeline("another_name", nodes=["good"])
not_a_pipeline = 42
