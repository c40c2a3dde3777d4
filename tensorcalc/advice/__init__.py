"""What the engine says about an article: the steps between its lines, and proposals for rows that are false."""

from tensorcalc.advice.explaining import Explanation, explain, explanations
from tensorcalc.advice.proposing import Proposal, patch, propose, write_fixes

__all__ = ["Explanation", "Proposal", "explain", "explanations", "patch", "propose", "write_fixes"]
