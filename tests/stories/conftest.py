"""Two real gateways in processes of their own, shared by the stories of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.demo.company import Company


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Company, Company]]:
    """(buyer, seller), who know each other."""
    home = tmp_path_factory.mktemp("companies")
    buyer = Company("harbor-retail", "Harbor Retail", home / "buyer")
    seller = Company("alpine-supply", "Alpine Supply", home / "seller")
    try:
        for company in (buyer, seller):
            company.prepare()
            company.start()
        for company in (buyer, seller):
            company.wait_ready()
        buyer.befriend(seller, "004010")
        seller.befriend(buyer, "004010")
        yield buyer, seller
    finally:
        for company in (buyer, seller):
            company.stop()
