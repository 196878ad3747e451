from __future__ import annotations

from services.unlock.apps import AppName, summarize_apps
from shared.contracts.unlock import DomainSummary


def domain(name: str, files: int = 1, size: int | None = 10) -> DomainSummary:
    return DomainSummary(domain=name, file_count=files, size_bytes=size)


def test_an_apps_groups_and_extensions_are_counted_with_it() -> None:
    (app,) = summarize_apps(
        [
            domain("AppDomain-com.example.Chat", 2, 100),
            domain("AppDomainGroup-group.com.example.chat.shared", 3, 1000),
            domain("AppDomainPlugin-com.example.Chat.share", 1, 1),
            domain("AppDomainGroup-ABCDE12345.com.example.Chat", 1, 5),
            domain("HomeDomain", 50, 5000),
        ],
        installed={"com.example.Chat": AppName(name="Chat", version="2.1")},
    )
    assert (app.bundle_id, app.name, app.version) == ("com.example.Chat", "Chat", "2.1")
    assert (app.file_count, app.size_bytes) == (7, 1106)
    assert len(app.domains) == 4


def test_the_longest_bundle_id_owns_a_group() -> None:
    apps = summarize_apps(
        [
            domain("AppDomain-com.example"),
            domain("AppDomain-com.example.mail"),
            domain("AppDomainGroup-group.com.example.mail.box", size=7),
        ],
        installed={},
    )
    assert {app.bundle_id: app.size_bytes for app in apps} == {
        "com.example.mail": 17,
        "com.example": 10,
    }


def test_a_group_of_nobody_stands_for_itself_and_one_word_is_no_vendor() -> None:
    apps = summarize_apps(
        [domain("AppDomain-com"), domain("AppDomainGroup-group.com.unknown.thing")],
        installed={},
    )
    assert {app.bundle_id for app in apps} == {"com", "group.com.unknown.thing"}


def test_largest_first_and_installed_apps_without_files_are_not_shown() -> None:
    apps = summarize_apps(
        [domain("AppDomain-a.small", size=1), domain("AppDomain-b.large", size=9)],
        installed={"c.none": AppName(name="None")},
    )
    assert [app.bundle_id for app in apps] == ["b.large", "a.small"]


def test_an_app_with_a_domain_of_unknown_size_is_of_unknown_size_and_most_files_come_first() -> (
    None
):
    apps = summarize_apps(
        [
            domain("AppDomain-a.few", 1, None),
            domain("AppDomain-b.many", 9, None),
            domain("AppDomainGroup-group.b.many", 1, 5),
        ],
        installed={},
    )
    assert [(app.bundle_id, app.file_count, app.size_bytes) for app in apps] == [
        ("b.many", 10, None),
        ("a.few", 1, None),
    ]
