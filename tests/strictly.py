"""`kubernetes_validate`, which reads and parses a megabyte of definitions for every document: here each file once."""

from functools import lru_cache

import kubernetes_validate
from kubernetes_validate import ValidationError, latest_version, utils

__all__ = ["ValidationError", "latest_version", "validate"]

utils.schema_contents = lru_cache(maxsize=64)(utils.schema_contents)


def validate(document, version):
    """As the API server of that version with `fieldValidation=Strict`. ValidationError."""
    kubernetes_validate.validate(document, version, strict=True)
