"""What a request says about itself."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from bot.web.console.sign_in.requests import from_another_page


@pytest.mark.parametrize("url", ["", "https://baton.example.com"])
def test_what_names_no_origin_is_of_no_page_of_ours(url: str) -> None:
    """Also where it is not known at which address people open the console."""
    request = Request({"type": "http", "method": "POST", "headers": []})
    assert from_another_page(request, url)
