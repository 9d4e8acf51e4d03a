"""Ids in each provider's own form, drawn from a seeded source so that the same world has the same ids."""

import random
import string
import uuid

_ALNUM = string.ascii_letters + string.digits


def word(source: random.Random, length: int) -> str:
    return "".join(source.choices(_ALNUM, k=length))


def guid(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def realm(source: random.Random) -> str:
    return "9341" + "".join(source.choices(string.digits, k=12))


def digits(source: random.Random, length: int) -> str:
    return source.choice("123456789") + "".join(source.choices(string.digits, k=length - 1))


def hexadecimal(source: random.Random) -> str:
    return f"{source.getrandbits(128):032x}"


def account(source: random.Random) -> str:
    return stripe(source, "acct")


def stripe(source: random.Random, prefix: str) -> str:
    """cus_ + 14, acct_1 + 15, everything else prefix_1 + 23."""
    if prefix == "cus":
        return "cus_" + word(source, 14)
    return f"{prefix}_1{word(source, 15 if prefix == 'acct' else 23)}"


STRIPE_PREFIX = {
    "customer": "cus",
    "invoice": "in",
    "payment": "inpay",
    "credit_note": "cn",
    "line": "il",
    "company": "acct",
    "event": "evt",
}
