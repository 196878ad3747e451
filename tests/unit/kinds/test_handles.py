import pytest

from services.indexer.kinds.handles import Handles, normalise_handle


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("+49 (171) 123-4567", None, "+491711234567"),
        ("0171 1234567", "DE", "+491711234567"),
        ("0171 1234567", "de", "+491711234567"),
        ("(555) 014-2001", "US", "+15550142001"),
        ("0049 171 1234567", "DE", "+491711234567"),
        ("0049 171 1234567", None, "+491711234567"),
        ("0171 1234567", None, "01711234567"),
        ("tel:+491711234567", "US", "+491711234567"),
        ("Anna@Example.COM", "US", "anna@example.com"),
        ("mailto:Anna@Example.com", None, "anna@example.com"),
        ("12345", "US", "12345"),
        ("DHL", "DE", "DHL"),
        ("urn:biz:1234-ab", "US", "urn:biz:1234-ab"),
        ("1-800-MY-APPLE", "US", "1-800-MY-APPLE"),
        ("", "US", ""),
        ("0171 1234567", "not a region", "01711234567"),
    ],
)
def test_a_handle_has_one_form(raw: str, region: str | None, expected: str) -> None:
    assert normalise_handle(raw, region) == expected


def test_the_phones_own_country_helps_where_no_region_is_known() -> None:
    assert Handles(None).normalise("0171 1234567", "de") == "+491711234567"
