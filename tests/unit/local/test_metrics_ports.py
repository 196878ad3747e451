"""Which process has which metrics port."""

from __future__ import annotations

import pytest

from deploy.local.errors import StartError
from deploy.local.services import MODULES, metrics_ports


def test_the_gateway_has_the_port_and_the_others_follow_in_the_documented_order() -> None:
    assert metrics_ports(9100, labels=MODULES, gateway_port=8080) == {
        "gateway": 9100,
        "discovery": 9101,
        "unlock": 9102,
        "indexer": 9103,
        "archiver": 9104,
    }


def test_without_a_port_nobody_has_one() -> None:
    assert metrics_ports(None, labels=MODULES, gateway_port=8080) == {}


def test_ports_beyond_the_last_one_are_refused_with_one_that_fits() -> None:
    with pytest.raises(StartError, match="choose 65531 or lower"):
        metrics_ports(65532, labels=MODULES, gateway_port=8080)
    assert metrics_ports(65531, labels=MODULES, gateway_port=8080)["archiver"] == 65535


def test_ports_that_reach_over_the_gateways_own_are_refused() -> None:
    with pytest.raises(StartError, match="8080 is the gateway's own"):
        metrics_ports(8078, labels=MODULES, gateway_port=8080)
