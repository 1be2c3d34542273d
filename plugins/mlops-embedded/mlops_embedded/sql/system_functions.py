"""SYSTEM$ functions that need nothing of the account: waiting, and what the clients ask before they begin."""

from __future__ import annotations

from mlops_embedded.errors import SnowflakeError, invalid_value
from mlops_embedded.sql.functions import Arguments, scalar_function
from mlops_embedded.sql.session import Session

_WAIT_UNITS = {"MILLISECOND": 0.001, "SECOND": 1.0, "MINUTE": 60.0, "HOUR": 3600.0, "DAY": 86_400.0}


@scalar_function("SYSTEM$ARE_ANACONDA_TERMS_ACKNOWLEDGED")
def anaconda_terms(session: Session, arguments: Arguments) -> object:
    """Nothing comes from Anaconda here; the clients only warn where the answer is no."""
    return True


@scalar_function("SYSTEM$WAIT")
def wait(session: Session, arguments: Arguments) -> object:
    """SYSTEM$WAIT(2, 'MINUTES'): wait, other statements of the session running, until the time is over or a cancel."""
    unit = str(arguments.get(1, default="SECONDS")).upper().rstrip("S")
    if unit not in _WAIT_UNITS:
        raise invalid_value(f"invalid unit {unit!r} of SYSTEM$WAIT: it is one of {', '.join(_WAIT_UNITS)}")
    amount = arguments.require(0)
    with session.waiting():
        cancelled = session.cancelled.wait(float(amount) * _WAIT_UNITS[unit])
    if cancelled:
        raise SnowflakeError("SQL execution canceled", code="000604", sqlstate="57014")
    return f"waited {amount} {unit.lower()}s"
