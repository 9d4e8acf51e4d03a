"""One look into the public DNS: the only question Sheaf asks it is for TXT records."""

_SECONDS = 3.0


class DnsAway(Exception):
    """No answer this time; says nothing about what is there."""


def txt_records(name: str) -> list[str]:
    """The texts of the TXT records at ``name``; none when there is certainly none. Raises DnsAway."""
    import dns.exception  # noqa: PLC0415  30 ms and 2 MB, for those processes only that ask
    import dns.resolver  # noqa: PLC0415

    resolver = dns.resolver.Resolver()
    resolver.lifetime = _SECONDS
    try:
        answer = resolver.resolve(name, "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as problem:
        raise DnsAway(type(problem).__name__) from problem
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
