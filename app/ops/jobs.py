"""What is looked at again by itself: about vendors, so that the abuse desk need not, and by the database."""

from app.policies.sorting import sort_customers
from app.scheduler import Job
from app.trust.watch import TxtRecords, check_domains, miss_books, tell


def jobs(txt_records: TxtRecords) -> tuple[Job, ...]:
    """``txt_records`` asks the DNS; wsgi hands in the real one."""
    return (
        Job("prove domains again", 600.0, lambda house: check_domains(house, txt_records)),
        Job("sort customers", 30.0, sort_customers),
        Job("miss books", 600.0, miss_books),
        Job("tell of new payees", 30.0, tell),
        Job("look at sizes", 300.0, lambda house: house.database.look_at_sizes()),
    )
