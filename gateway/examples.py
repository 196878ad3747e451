"""Examples of the OpenAPI document: one invented household, the same ids throughout."""

from __future__ import annotations

from typing import Any

_BACKUP = "0b5f7c1e-6f0a-4f8e-9c53-0d9d7f3f2a11"
_SESSION = "7a0c3a52-91f4-4a57-8f0e-2f6f0f6d9f00"
_JOB = "c1b2a3d4-0000-4000-8000-9f8e7d6c5b4a"
_UDID = "00008110-000A1B2C3D4E5F60"
_PERSON = "2f1c9a80-4b7e-4d53-8a11-5e6f7a8b9c0d"
_CHANGE = "8e0d7c6b-5a49-4f38-9271-605f4e3d2c1b"
_FILE = "3d0d7e5fb2ce288813306e4d4636395e047a3d28"

_A_BACKUP: dict[str, Any] = {
    "id": _BACKUP,
    "udid": _UDID,
    "name": "Ada's iPhone",
    "label": None,
    "state": "complete",
    "problems": [],
    "encrypted": True,
    "format": "manifest_db",
    "model": "iPhone 13",
    "ios_version": "17.5.1",
    "last_backup_at": "2024-06-01T20:15:00Z",
    "size_bytes": 41200000000,
    "file_count": 181224,
    "index_state": "indexed",
    "indexed_at": "2024-06-01T20:31:10Z",
    "revision": "2024-06-01T20:15:00Z-4f1c",
}
_A_FILE: dict[str, Any] = {
    "file_id": _FILE,
    "domain": "HomeDomain",
    "relative_path": "Library/SMS/sms.db",
    "kind": "file",
    "size_bytes": 52428800,
    "modified_at": "2024-06-01T19:58:03Z",
    "created_at": "2021-09-24T08:00:00Z",
    "mode": 33188,
    "protection_class": 3,
    "target": None,
    "present": True,
}
_AN_ARTIFACT: dict[str, Any] = {
    "id": "1024",
    "kind": "message",
    "device": _UDID,
    "key": "5C4A1F0E-8F39-4B7A-9E3D-0C1B2A3D4E5F",
    "thread_id": "17",
    "occurred_at": "2024-05-31T18:00:00Z",
    "title": None,
    "text": "The lighthouse opens at nine.",
    "sender": {
        "name": "Grace",
        "handle": "grace@example.org",
        "person_id": _PERSON,
        "is_me": False,
    },
    "payload": {"service": "iMessage", "direction": "incoming", "status": "read"},
    "attachments": [],
    "added_revision": "2024-06-01T20:15:00Z-4f1c",
    "removed_revision": None,
    "removed_at": None,
}
_A_JOB: dict[str, Any] = {
    "id": _JOB,
    "kind": "index",
    "state": "running",
    "subject": {"type": "backup", "id": _BACKUP},
    "progress": {"step": "message", "done": 120000, "total": 410000, "unit": "items"},
    "attempts": 1,
    "created_at": "2024-06-01T20:30:00Z",
    "started_at": "2024-06-01T20:30:00Z",
    "finished_at": None,
    "error": None,
    "report": {},
    "origin": "person",
}
_A_RULE: dict[str, Any] = {
    "id": "b7c1f0de-6a0b-4c64-9d39-6d3d2f9f1a77",
    "device": _UDID,
    "kinds": ["message", "contact"],
    "enabled": True,
    "created_at": "2024-06-01T20:00:00Z",
}
_A_PERSON: dict[str, Any] = {
    "id": _PERSON,
    "name": "Grace",
    "is_me": False,
    "handles": ["+15550000017", "grace@example.org"],
    "handle_count": 2,
    "card_count": 1,
}
_A_CHANGE: dict[str, Any] = {
    "id": _CHANGE,
    "kind": "merge",
    "at": "2024-06-02T09:00:00Z",
    "person_id": _PERSON,
    "other_id": "c7d8e9f0-1a2b-4c3d-9e4f-5a6b7c8d9e0f",
    "undone_at": None,
    "can_be_undone": True,
}
_A_LINK: dict[str, Any] = {
    "id": "3d2c1b0a-5f4e-4d3c-8b2a-190f8e7d6c5b",
    "state": "confirmed",
    "earlier": "00008030-001A2B3C4D5E6F70",
    "later": _UDID,
    "is_directed": True,
    "reason": "The same things are on both: of samples, 197 of 200 of kind message. The last backup"
    " of the earlier one (3 May 2024) was made before the first of the later one (9 May 2024), as"
    " of a phone that was restored onto the next one.",
    "shares": [{"kind": "message", "looked_at": 200, "found": 197}],
    "offered_at": "2024-05-09T20:31:00Z",
    "decided_at": "2024-05-10T08:00:00Z",
    "devices": ["00008030-001A2B3C4D5E6F70", _UDID],
    "job_id": "b6a5c4d3-e2f1-4a0b-9c8d-7e6f5a4b3c2d",
}

REQUESTS: dict[str, Any] = {
    "POST /api/backups/{backup_id}/unlock": {
        "passphrase": "correct horse battery staple",
        "ttl_seconds": 1800,
    },
    "POST /api/backups/{backup_id}/index": {"kinds": ["message", "contact"]},
    "POST /api/exports/content": {
        "format": "html",
        "query": {"thread": "17", "from": "2024-01-01"},
        "include_media": True,
        "time_zone": "Europe/Berlin",
    },
    "PUT /api/devices/{udid}/passphrase-reference": {"reference": "file:/etc/keepsake/phone"},
    "POST /api/index-rules": {"device": None, "kinds": None},
    "PATCH /api/index-rules/{rule_id}": {"enabled": False},
    "PATCH /api/backups/{backup_id}": {"label": "Ada, old phone"},
    "POST /api/lineages/{link_id}/confirm": {"earlier": None},
    "PATCH /api/people/{person_id}": {"name": "Grandma Grace"},
    "POST /api/people/{person_id}/merge": {"with": "c7d8e9f0-1a2b-4c3d-9e4f-5a6b7c8d9e0f"},
    "POST /api/people/{person_id}/split": {"handles": ["grace@example.org"]},
    "POST /api/tokens": {"name": "home dashboard", "scopes": ["read"], "ttl_seconds": 31536000},
}

RESPONSES: dict[str, Any] = {
    "GET /api/backups": {"items": [_A_BACKUP], "next_cursor": None},
    "GET /api/backups/{backup_id}": _A_BACKUP,
    "POST /api/backups/refresh": {
        "items": [_A_BACKUP],
        "added": [],
        "changed": [_BACKUP],
        "removed": [],
        "moved": [],
        "unreadable_roots": [],
        "seconds": 0.4,
    },
    "POST /api/backups/{backup_id}/unlock": {
        "session_token": f"{_SESSION}.<43 characters, shown this once>",
        "session_id": _SESSION,
        "backup_id": _BACKUP,
        "ttl_seconds": 1800,
        "expires_at": "2024-06-01T21:00:00Z",
        "encrypted": True,
        "file_count": 181224,
        "warnings": [],
    },
    "POST /api/backups/{backup_id}/lock": {"changed": True},
    "GET /api/backups/{backup_id}/domains": {
        "items": [{"domain": "CameraRollDomain", "file_count": 9120, "size_bytes": 30100000000}],
        "next_cursor": None,
        "sizes": "known",
    },
    "GET /api/backups/{backup_id}/files": {"items": [_A_FILE], "next_cursor": None},
    "GET /api/backups/{backup_id}/files/{file_id}": _A_FILE,
    "POST /api/backups/{backup_id}/index": {"job_id": _JOB},
    "POST /api/exports/content": {"job_id": _JOB},
    "DELETE /api/exports/content/{export_id}": {"changed": True},
    "GET /api/devices/{udid}/passphrase-reference": {
        "udid": _UDID,
        "scheme": "file",
        "set_at": "2024-06-01T20:00:00Z",
    },
    "GET /api/index-rules": {"items": [_A_RULE], "next_cursor": None},
    "POST /api/index-rules": _A_RULE,
    "GET /api/threads": {
        "items": [
            {
                "id": "17",
                "device": _UDID,
                "kind": "message",
                "title": "Grace",
                "is_group": False,
                "participants": [
                    {"handle": "grace@example.org", "name": "Grace", "person_id": _PERSON}
                ],
                "artifact_count": 4211,
                "first_at": "2019-02-03T09:12:00Z",
                "last_at": "2024-05-31T18:00:00Z",
                "last_text": "The lighthouse opens at nine.",
                "services": ["iMessage"],
            }
        ],
        "next_cursor": None,
    },
    "GET /api/threads/{thread_id}/artifacts": {
        "items": [_AN_ARTIFACT],
        "next_cursor": None,
        "previous_cursor": "eyJ0IjoiMjAyNC0wNS0zMSJ9",
        "position": 4210,
    },
    "GET /api/artifacts/{artifact_id}": _AN_ARTIFACT,
    "GET /api/search": {
        "items": [
            {
                "artifact": _AN_ARTIFACT,
                "snippet": [["The ", False], ["lighthouse", True], [" opens at nine.", False]],
                "thread_title": "Grace",
                "thread_position": 4210,
            }
        ],
        "next_cursor": None,
        "total": 1,
        "total_is_exact": True,
        "facets": {"kind": [{"value": "message", "count": 1, "label": "Messages"}]},
    },
    "GET /api/lineages": {"items": [_A_LINK], "next_cursor": None},
    "POST /api/lineages/{link_id}/confirm": _A_LINK,
    "POST /api/lineages/{link_id}/decline": {**_A_LINK, "state": "declined", "devices": []},
    "POST /api/lineages/{link_id}/undo": {
        **_A_LINK,
        "state": "offered",
        "decided_at": None,
        "devices": [],
    },
    "GET /api/people": {"items": [_A_PERSON], "next_cursor": None},
    "GET /api/people/changes": {"items": [_A_CHANGE], "next_cursor": None},
    "GET /api/people/{person_id}": {
        **_A_PERSON,
        "given_name": None,
        "origins": [
            {
                "handle": "+15550000017",
                "origin": "manual",
                "devices": [_UDID],
                "kinds": ["message"],
            },
            {
                "handle": "grace@example.org",
                "origin": "card",
                "devices": [_UDID],
                "kinds": ["contact", "message"],
            },
        ],
        "cards": [{"artifact_id": "2048", "device": _UDID, "name": "Grace", "is_me": False}],
        "threads": [],
        "thread_count": 0,
        "first_at": None,
        "last_at": None,
        "changes": [_A_CHANGE],
    },
    "PATCH /api/people/{person_id}": {**_A_CHANGE, "kind": "rename", "other_id": None},
    "POST /api/people/{person_id}/merge": _A_CHANGE,
    "POST /api/people/{person_id}/split": {**_A_CHANGE, "kind": "split"},
    "POST /api/people/changes/{change_id}/undo": {
        **_A_CHANGE,
        "undone_at": "2024-06-02T09:05:00Z",
        "can_be_undone": False,
    },
    "GET /api/jobs": {"items": [_A_JOB], "next_cursor": None},
    "GET /api/jobs/{job_id}": _A_JOB,
    "POST /api/tokens": {
        "id": "51a1e7f2-2a55-4d36-9d5f-0f7f6f5e4d3c",
        "name": "home dashboard",
        "scopes": ["read"],
        "created_at": "2024-06-01T20:00:00Z",
        "expires_at": "2025-06-01T20:00:00Z",
        "last_used_at": None,
        "token": "keepsake_<43 characters, shown this once>",
    },
}
