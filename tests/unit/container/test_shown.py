"""What a container's log shows of the parameters of a node."""

from __future__ import annotations

from mlops.container.task import shown


def test_a_text_that_is_named_like_a_credential_is_hidden_and_all_else_is_shown() -> None:
    parameters = {"api_key": "hunter2", "token_count": 3, "access_token": "", "max_depth": 6}

    assert shown(parameters) == {"api_key": "***", "token_count": 3, "access_token": "", "max_depth": 6}
