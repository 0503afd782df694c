"""Where pages of the board find each other, live and as files."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["Links"]


class Links(ABC):
    """Where pages find each other."""

    @abstractmethod
    def asset(self, name: str) -> str:
        """Address of a style sheet or script."""

    @abstractmethod
    def matrix(self, campaign: str, **asked: str) -> str:
        """Address of a campaign's matrix, with filters where given."""

    @abstractmethod
    def numbers(self, campaign: str) -> str:
        """Address of a campaign's key numbers."""

    @abstractmethod
    def compare(self, campaign: str) -> str:
        """Address of a campaign beside another one."""

    @abstractmethod
    def jobs(self, campaign: str, material: str = "", kind: str = "", state: str = "") -> str:
        """Address of a campaign's jobs, of one system, kind or state where given."""

    @abstractmethod
    def job(self, campaign: str, key: str) -> str:
        """Address of one job."""

    @abstractmethod
    def figure(self, campaign: str, key: str, name: str) -> str:
        """Address of the data of a figure."""

    @abstractmethod
    def ledger(self, campaign: str, key: str) -> str:
        """Address of what happened in the trajectory of a job."""

    @abstractmethod
    def mark(self, campaign: str) -> str:
        """Address that says whether something changed."""

    @abstractmethod
    def page(self, number: int) -> str:
        """Address of another page of the same list."""
