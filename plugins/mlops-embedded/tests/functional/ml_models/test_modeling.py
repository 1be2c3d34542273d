"""snowflake.ml.modeling: estimators and pipelines fitted where the data is give what scikit-learn gives."""

from collections.abc import Iterator
from typing import Any

import numpy
import pandas
import pytest
from sklearn.linear_model import LogisticRegression as ScikitLogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler as ScikitStandardScaler
from snowflake.ml.modeling.linear_model import LogisticRegression
from snowflake.ml.modeling.pipeline import Pipeline
from snowflake.ml.modeling.preprocessing import StandardScaler
from snowflake.ml.modeling.xgboost import XGBClassifier
from snowflake.snowpark import DataFrame, Session
from xgboost import XGBClassifier as LocalXGBClassifier

pytestmark = pytest.mark.filterwarnings("ignore")
FEATURES = ["A", "B"]


@pytest.fixture(scope="module")
def known() -> pandas.DataFrame:
    random = numpy.random.default_rng(3)
    known = pandas.DataFrame({"ID": range(80), "A": random.normal(2, 3, 80), "B": random.normal(-1, 1, 80)})
    known["Y"] = (known["A"] + 2 * known["B"] + random.normal(0, 2, 80) > 0).astype(int)
    return known


@pytest.fixture(scope="module")
def rows(session: Session, known: pandas.DataFrame) -> DataFrame:
    session.use_schema("EMBEDDED.PUBLIC")
    session.create_dataframe(known).write.save_as_table("KNOWN", mode="overwrite", table_type="temporary")
    return session.table("KNOWN")


def _in_order(frame: Any, columns: list[str]) -> numpy.ndarray:
    return frame.to_pandas().sort_values("ID")[columns].to_numpy(dtype=float)


@pytest.mark.embedded("Models: snowflake.ml.modeling, fit and predict on a Snowpark DataFrame")
def test_a_regression_is_fitted_where_the_data_is(rows: DataFrame, known: pandas.DataFrame) -> None:
    model = LogisticRegression(input_cols=FEATURES, label_cols=["Y"], output_cols=["P"])

    model.fit(rows)

    expected = ScikitLogisticRegression().fit(known[FEATURES], known["Y"])
    assert numpy.allclose(model.to_sklearn().coef_, expected.coef_)
    assert _in_order(model.predict(rows), ["P"])[:, 0].tolist() == expected.predict(known[FEATURES]).tolist()


@pytest.mark.embedded("Models: snowflake.ml.modeling, a Pipeline of StandardScaler and XGBClassifier")
def test_a_pipeline_scales_and_boosts(rows: DataFrame, known: pandas.DataFrame) -> None:
    scaled = ["A_SCALED", "B_SCALED"]
    settings = {"n_estimators": 5, "max_depth": 2, "n_jobs": 1}
    scaler = StandardScaler(input_cols=FEATURES, output_cols=scaled)
    model = XGBClassifier(input_cols=scaled, label_cols=["Y"], output_cols=["P"], **settings)
    pipeline = Pipeline([("scale", scaler), ("model", model)])

    pipeline.fit(rows)

    expected = make_pipeline(ScikitStandardScaler(), LocalXGBClassifier(**settings)).fit(known[FEATURES], known["Y"])
    found = pipeline.predict(rows)
    assert numpy.allclose(_in_order(found, scaled), expected[0].transform(known[FEATURES]))
    assert _in_order(found, ["P"])[:, 0].tolist() == expected.predict(known[FEATURES]).tolist()


_CALL = """WITH P AS PROCEDURE () RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = 3.11
PACKAGES = ('snowflake-snowpark-python') HANDLER = 'run' {rights} AS $$
def run(session):
    seen = session.sql("SELECT COUNT(*) FROM MINE").collect()[0][0]
    listed = session.sql("LIST @MY_STAGE").collect()
    session.sql("SELECT MY_TWICE(4) AS N").collect()
    session.sql("CREATE OR REPLACE TEMPORARY FILE FORMAT MADE_FORMAT TYPE = JSON").collect()
    session.sql("CREATE OR REPLACE TEMPORARY TABLE MADE AS SELECT $LIMIT_OF AS N").collect()
    session.sql("USE SCHEMA EMBEDDED.ELSEWHERE").collect()
    return f"{{seen}} {{len(listed)}} {{session.get_current_role()}}"
$$ CALL P()"""


@pytest.fixture
def standing(session: Session) -> Iterator[Session]:
    """A session with a temporary table, stage and function, and a variable."""
    for each in (
        "CREATE SCHEMA IF NOT EXISTS EMBEDDED.ELSEWHERE", "USE SCHEMA EMBEDDED.PUBLIC", "SET LIMIT_OF = 7",
        "CREATE OR REPLACE TEMPORARY TABLE MINE AS SELECT 1 AS N", "CREATE OR REPLACE TEMPORARY STAGE MY_STAGE",
        "CREATE OR REPLACE TEMPORARY FUNCTION MY_TWICE(N INT) RETURNS INT AS $$ N * 2 $$",
    ):  # fmt: skip
        session.sql(each).collect()
    yield session
    session.use_schema("EMBEDDED.PUBLIC")


@pytest.mark.embedded(
    "Snowpark: EXECUTE AS CALLER: a procedure runs in the caller's session, temporary objects and all"
)
def test_a_procedure_with_its_callers_rights_runs_in_the_callers_session(standing: Session) -> None:
    returned = standing.sql(_CALL.format(rights="EXECUTE AS CALLER")).collect()[0][0]

    assert returned == '1 0 "ACCOUNTADMIN"'
    assert standing.get_current_schema() == '"ELSEWHERE"'
    assert standing.sql("SELECT N FROM PUBLIC.MADE").collect()[0][0] == 7
    assert len(standing.sql("SHOW FILE FORMATS LIKE 'MADE_FORMAT' IN SCHEMA PUBLIC").collect()) == 1


@pytest.mark.embedded(
    "Snowpark: EXECUTE AS OWNER: a procedure sees temporary objects, and leaves the caller where it stood"
)
def test_a_procedure_with_its_owners_rights_leaves_the_caller_where_it_stood(standing: Session) -> None:
    running = standing.sql(_CALL.format(rights="EXECUTE AS OWNER").replace("$LIMIT_OF", "8")).collect_nowait()

    assert standing.sql("SELECT $LIMIT_OF").collect()[0][0] == 7  # it waits for its turn
    returned = running.result()[0][0]
    assert returned.startswith("1 0 ")
    assert standing.get_current_schema() == '"PUBLIC"'
    assert tuple(standing.sql("SELECT N, $LIMIT_OF FROM MADE").collect()[0]) == (8, 7)
