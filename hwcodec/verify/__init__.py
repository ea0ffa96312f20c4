"""Proof, from the coded bytes, that streams are in the interchange profile of FORMAT.md.

    file -tracks-> Track -syntax-> parameter sets, pictures -checks-> Report

Whatever the file holds, the answer is a report: damage is a failed check and no exception.
"""

from hwcodec.verify.report import Check, Report, StreamReport
from hwcodec.verify.runner import VerifyOptions, verify_path

__all__ = ["Check", "Report", "StreamReport", "VerifyOptions", "verify_path"]
