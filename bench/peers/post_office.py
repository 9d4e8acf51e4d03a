"""django-post_office with digests of our size: queued by send_many(), its best, and sent by send_queued().

``python -m bench.peers.post_office DSN SMTP_PORT MAILS PROCESSES`` is a helper as bench/sending.py has them, in an
environment of its own. What a digest says is in memory: a favour, for ours reads it from the database.
"""

import json
import resource
import sys
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.management import call_command

_HTML = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{{ subject }}</title></head>
<body style="margin:0;background:#f7f3ea"><h1 style="font:600 24px/30px Georgia,serif">{{ name }}: {{ subject }}</h1>
<p>{{ totals }}. <a href="{{ link }}">See it online</a></p>
{% for vendor in vendors %}<h2 style="font:600 17px/22px Georgia,serif">{{ vendor.name }}</h2>
<table style="width:100%;border-collapse:collapse">{% for row in vendor.rows %}
<tr><td style="padding:8px 0;border-top:1px solid #ddd5c3"><a href="{{ link }}/{{ row.line }}">{{ row.number }}</a>
<b style="color:#9a3412">{{ row.words }}</b><br><small style="color:#5c5546">Due {{ row.day }}</small></td>
<td align="right" style="padding:8px 0;border-top:1px solid #ddd5c3"><b>{{ row.amount }}</b><br>
<a style="padding:4px 12px;background:#1f5a3d;color:#fff" href="{{ link }}/{{ row.line }}/pay">Pay</a>
<a style="color:#1f5a3d" href="{{ link }}/{{ row.line }}/ask">Ask</a></td></tr>{% endfor %}</table>{% endfor %}
<p><a href="{{ link }}/unsubscribe">Unsubscribe</a> <a href="{{ link }}/report">Report</a></p></body></html>"""
_TEXT = """{{ name }}: {{ subject }}
{{ totals }}
{% for vendor in vendors %}
{{ vendor.name }}
{% for row in vendor.rows %}{{ row.number }}: {{ row.amount }}, {{ row.words }}
  Pay: {{ link }}/{{ row.line }}/pay
  Ask: {{ link }}/{{ row.line }}/ask
{% endfor %}{% endfor %}
Unsubscribe: {{ link }}/unsubscribe
"""


def _set_up(dsn: str, port: int) -> None:
    where = urlsplit(dsn)
    settings.configure(
        SECRET_KEY="-",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": where.path[1:],
                "USER": where.username,
                "PASSWORD": where.password or "",
                "HOST": where.hostname,
                "PORT": where.port,
            }
        },
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "BATCH_SIZE": 1000,
            "LOG_LEVEL": 0,
            "CELERY_ENABLED": False,
        },
        CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    )
    django.setup()
    call_command("migrate", verbosity=0)


def _digest(number: int) -> dict[str, Any]:
    rows = [
        {
            "line": line,
            "number": f"N-{number}-{line}",
            "words": f"{line + 1} days late",
            "day": "2 Nov 2026",
            "amount": f"USD {number % 900 + line}.00",
        }
        for line in range(20)
    ]
    return {
        "subject": "20 open invoices from 8 suppliers",
        "name": f"Customer {number}",
        "totals": "USD 12,345.00",
        "link": "https://sheaf.example/m/here-belongs-the-token-of-this-one-mail-now",
        "vendors": [{"name": f"Vendor {each}", "rows": rows[each::8]} for each in range(8)],
    }


def _run(digests: list[dict[str, Any]], processes: int) -> None:
    from django.db import connection  # noqa: PLC0415 - the settings come first
    from post_office import mail  # noqa: PLC0415
    from post_office.models import STATUS, Email  # noqa: PLC0415

    Email.objects.all().delete()
    mail.send_many(
        [
            {"recipients": f"ap{n}@stock.example", "sender": "r@sheaf.example", "template": "digest", "context": each}
            for n, each in enumerate(digests)
        ]
    )
    while Email.objects.filter(status=STATUS.queued).exists():
        mail.send_queued(processes=processes, log_level=0)
        connection.close()  # as its own command does


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    _dsn, _port, _mails, _processes = sys.argv[1:]
    _set_up(_dsn, int(_port))
    from post_office.models import EmailTemplate

    if not EmailTemplate.objects.exists():
        EmailTemplate.objects.create(name="digest", subject="{{ subject }}", content=_TEXT, html_content=_HTML)
    _digests = [_digest(number) for number in range(int(_mails))]
    print("{}", flush=True)
    for _ in sys.stdin:
        _before = _cpu()
        _run(_digests, int(_processes))
        print(json.dumps({"cpu": _cpu() - _before}), flush=True)
