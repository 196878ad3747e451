import msgspec

from services.indexer.kinds.contact_payload import ContactPayload
from services.indexer.staging import encode_json


def test_half_a_surrogate_pair_in_a_list_of_a_payload_is_mended() -> None:
    payload = ContactPayload(
        type="person", handles=("a\ud800", "b"), has_image=False, is_me=False, groups=("c\0",)
    )
    assert msgspec.json.decode(encode_json(payload))["handles"] == ["a\ufffd", "b"]
    assert msgspec.json.decode(encode_json(payload))["groups"] == ["c"]
