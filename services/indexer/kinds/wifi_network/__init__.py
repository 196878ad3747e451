"""Wi-Fi networks: the property lists of networks that the phone knows."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

_DOMAIN = "SystemPreferencesDomain"


class WifiNetworkParser(KindParser):
    """The networks that the phone joined or was told of, with their access points and places."""

    kind = "wifi_network"
    title = "Wi-Fi networks"
    note = (
        "Networks that the phone knows: when it joined them, their access points, and where these"
        " stand if the phone says so. Never passwords."
    )
    files = (
        NeededFile(domain=_DOMAIN, relative_path="com.apple.wifi.known-networks.plist"),
        NeededFile(domain=_DOMAIN, relative_path="SystemConfiguration/com.apple.wifi.plist"),
        NeededFile(
            domain=_DOMAIN, relative_path="SystemConfiguration/com.apple.wifi-networks.plist"
        ),
        NeededFile(
            domain=_DOMAIN,
            relative_path="SystemConfiguration/com.apple.wifi-private-mac-networks.plist",
        ),
    )
    encrypted_only = True

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every network; one bad record costs one record."""
        from services.indexer.kinds.wifi_network.reading import parse_networks

        parse_networks(inputs, sink, files=tuple(file.relative_path for file in self.files))
