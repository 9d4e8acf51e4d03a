"""A short share of hosts.py: network namespaces, PgBouncer, a synchronous standby, one worker killed."""

import os
from argparse import Namespace

import pytest

from tests.faults import hosts
from tests.faults.network import refusal
from tests.support.need import unavailable


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")
def test_workers_on_several_hosts_send_each_due_mailbox_one_mail() -> None:
    """[D5 D18 perf-B4 inv-S1 inv-S7 inv-C1 inv-F1] One answer in fifty is a 503, one host's worker is killed."""
    if why := refusal():
        unavailable(why)
    options = Namespace(seed=7, database="postgresql", workers=2, hasty=True, mailboxes=120, pooled=True)
    row, violations = hosts.run(options)
    assert not violations
    assert row["killed"] == 1
