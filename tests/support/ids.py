"""The ids a test may name, and what each is about: features, invariants ("inv-" before them), claims, goals of speed
that are counts ("perf-"), and the cases that follow from the providers' facts ("facts-")."""

import re
from typing import NamedTuple


class Id(NamedTuple):
    id: str
    about: str
    priority: str = ""


FEATURES = """
A1 P0 OAuth connect, several connections per vendor
A2 P0 Sync health the vendor can read
A3 P0 Double-reminder check at onboarding
A4 P0 CSV/JSON import without a connector
A5 P0 Customer matching
A6 P0 Pre-flight report
A7 P0 Dry run: who would get what
A8 P0 Full lifecycle mirror
A9 P0 Credits and unapplied payments
A10 P0 Instalments / schedules
A11 P0 Hold one invoice / one customer
A12 P1 Chase-from date
A13 P0 Vendor profile + verification
A14 P1 Invoice PDF on demand
A15 P1 Legal entities / branches
A16 P1 Invoice-level contacts and PO number
B1 P0 One customer-owned inbox across vendors
B2 P0 Scanner-safe passwordless entry
B3 P0 Express actions without an account
B4 P0 People and roles in a customer organisation
B5 P1 Several addresses, claim and merge
B6 P1 Accountant with many client companies
B7 P0 Vendor isolation
B8 P0 New-vendor gate
B9 P0 Mute, leave, block a vendor
B10 P0 Payee verification and bank-change alert
B11 P1 Account security
B12 P1 View as customer
B13 P0 Inbox list, filters, search
B14 P1 Invoice timeline
C1 P0 One mail per customer per window, all vendors
C2 P0 Totals per currency, never mixed
C3 P0 Row facts
C4 P0 Two links on every row: Pay and Ask
C5 P0 Urgency order and fair ranking
C6 P0 Since last mail
C7 P0 Cap and overflow
C8 P0 Text part, accessible HTML
C9 P0 Recipient language and formats
C10 P1 Vendor promise badge
C11 P0 On-hold rows are not dunned
C12 P0 Specific subject
C13 P1 Private mode
C14 P1 Attachments on request
C15 P0 Why am I getting this
C16 P1 One-click rating
C17 P1 Discount and late-fee line
C18 P1 Vendor note
D1 P0 Cadence chosen by the customer
D2 P0 Local wall clock, DST-proof
D3 P0 Exactly one digest per person per window
D4 P0 Catch up after downtime
D5 P0 Crash-safe send states
D6 P0 Nothing to say, no mail
D7 P0 Just-in-time settled check
D8 P0 Stored snapshot
D9 P0 Stale vendor rule
D10 P1 Quiet days
D11 P0 Fatigue caps
D12 P0 No reminder right after the invoice
D13 P0 Unsubscribe that is safe and scoped
D14 P0 Bounce, block and complaint handling
D15 P0 Per-recipient delivery record
D16 P0 Several people, own mail each
D17 P1 Throttle, warm-up, fallback transport
D18 P0 Send log idempotency with provider
D19 P1 Deliverability checklist
D20 P0 Send mine now / preview
D21 P1 Immediate notices by choice
D22 P0 Vendor forewarning
E1 P0 Pay link resolved at click
E2 P0 Settled check at click
E3 P0 Several invoices of one vendor in one go
E4 P1 Pay plan over vendors
E5 P1 Part payment
E6 P0 Bank transfer card
E7 P0 Payment in progress
E8 P0 Double-pay guard
E9 P1 Credits at payment
E10 P1 Early discount honoured
E11 P1 Scheduled payment and AutoPay state
E12 P1 Remittance advice
E13 P1 Pay in own currency
E14 P1 Fees and surcharges before the click
F1 P0 Ask about a row or a vendor
F2 P0 Structured dispute
F3 P0 Dispute pauses only that row; both sides told
F4 P0 Promise to pay
F5 P0 Already paid
F6 P1 Not mine / hand over
F7 P0 Reply by e-mail
F8 P0 Vendor notified at once
F9 P0 Answer reaches the asker
F10 P1 Team tools
F11 P0 Close with a result
F12 P1 Extension or plan request
G1 P0 Queue
G2 P0 Response time
G3 P0 Invoice accuracy
G4 P0 Customer satisfaction
G5 P0 Money metrics
G6 P1 Promise and dispute quality
G7 P0 Customer page
G8 P0 Team, roles, audit
G9 P1 Offline contact log
G10 P1 Weekly report mail
G11 P1 Task list
G12 P2 Peer benchmarks
G13 P1 Late-risk score
H1 P0 Preference centre
H2 P1 Statements
H3 P1 Update my details once
H4 P1 Payment history and receipts
H5 P1 Calendar feed
H6 P1 Cash view
H7 P1 Forward an invoice from any vendor
H8 P1 Approve and assign
H9 P1 Routing rules
H10 P1 Export and API for the customer
H11 P1 Pay-run calendar
I1 P0 Webhooks plus reconciliation
I2 P0 Order-proof, retry-safe events
I3 P0 Settled lag measured
I4 P0 Failure notice with reason
I5 P0 Correction mail
I6 P1 Reversal, refund, chargeback
I7 P1 Short and over payment
I8 P2 Match 'already paid' claims
J1 P0 Policy ladder
J2 P1 Segments
J3 P0 Excluded and AutoPay customers
J4 P1 Small-balance threshold
J5 P1 Stages and tone
J6 P1 Earlier nudge for late-risk
J7 P2 Best time to send
J8 P1 Account manager in the loop
K1 P0 E-mail
K2 P2 SMS
K3 P2 WhatsApp
K4 P1 In-app + web push
K5 P2 Slack / Teams for vendors
K6 P2 Letter
L1 P0 Stop switch
L2 P0 Run board
L3 P0 Abuse desk
L4 P0 Audit log
L5 P0 Secrets and tokens
L6 P1 Retention, export, erase
L7 P0 Sandbox
L8 P0 Health and metrics
L9 P1 Backup and restore drill
M1 P1 REST + keys with scopes
M2 P1 Outgoing webhooks
M3 P1 Idempotency keys, pagination, OpenAPI
M4 P0 Connector contract
"""

INVARIANTS = """
inv-S1 One digest per cycle
inv-S2 No silent gap
inv-S3 Fresh
inv-S4 Spacing
inv-S5 Brakes
inv-S6 No sending inside a transaction
inv-S7 Unknown is not failed
inv-S8 Certain refusals
inv-S9 One recipient per message
inv-S10 Stop means stop
inv-S11 Automatic mail says so
inv-S12 Small
inv-S13 Policy by kind
inv-C1 The scheduler only ticks
inv-C2 A claim is one statement that can win only once
inv-C3 Due time = local date + wall time + zone, turned into UTC by us
inv-C4 After an outage only the newest cycle is sent
inv-C5 Instants are stored in UTC and come back aware
inv-N1 Store before you acknowledge
inv-N2 Inbound mail is never answered 3xx or 4xx
inv-N3 Order and repetition do not matter
inv-N4 Signatures are checked over raw bytes
inv-N5 Automatic replies, bounces and our own mail are filed, answered by nothing, ...
inv-Q1 Once the author sees "sent", the question is stored and the vendor's notice ...
inv-Q2 A message is visible to exactly that thread's vendor and customer
inv-Q3 Numbers about vendors come from immutable events only
inv-I1 Every read and write runs in a scope
inv-I2 A vendor can never learn of another vendor
inv-I3 PostgreSQL
inv-I4 A new route without an entry in the access matrix fails the build
inv-D1 One function makes the canonical form of an address
inv-D2 Two mailboxes become one customer only after proof from both
inv-D3 Mail always goes to the stored address, never to what was typed in a form
inv-D4 A shared mailbox is a mailbox, not a person
inv-L1 GET and HEAD change nothing
inv-L2 Link tokens
inv-L3 Login tokens
inv-L4 One-click unsubscribe
inv-L5 Sessions are rows on the server with idle and absolute limits
inv-L6 Link pages
inv-L7 The pay button opens a page naming vendor, live amount and host
inv-K1 Accounting tokens are stored only as authenticated ciphertext bound to ...
inv-K2 No secret or link token in logs, errors, traces, URLs after first load, ...
inv-K3 A connection is created only by the browser, signed-in vendor user and ...
inv-K4 At most one refresh per connection at a time, under a database lock, ...
inv-K5 Disconnect revokes at the provider, destroys here, and removes the lines ...
inv-K6 Outgoing calls
inv-A1 First contact from a vendor that is not verified shows its name and a count
inv-A2 Unverified vendors
inv-A3 Vendor text is bounded, inert, labelled, never in headers
inv-A4 Looking up an address as a vendor tells nothing about whether it is known
inv-M1 Integer minor units + currency + exponent
inv-M2 Sums stay within a currency and equal their lines to the minor unit
inv-F1 With any dependency down, nothing acknowledged is lost, nothing goes out ...
inv-F2 Every transition, consent, refusal and token event leaves an append-only ...
inv-F3 Silence is a fault
"""

CLAIMS = """
000-1 Online collection of customer payments through a portal
000-2 Payments are matched in the ERP to the right invoices
000-3 No switching between systems to follow invoices and customer activity
000-4 A wide range of payment options
000-5 Customers can schedule a payment
000-6 Customers can auto-pay
000-7 Security, privacy and control for the customer
000-8 The member chooses how much to pay
000-9 The member chooses how it is delivered
000-10 Coupons / discounts can be used
000-11 Pay in the customer's own currency
000-12 Lockbox: receipts from all sources applied without hand work
000-13 Software matches payments to invoices
000-14 Supplier proposes early-payment discounts, customer schedules in response
000-15 Automation frees AR time for the customer
000-16 The payment process is clean, simple, flexible
001-1 Payment habits are shaped by every interaction
001-2 Every staff member should be able to give good service
001-3 Timing, tone and accuracy of invoices carry the brand
001-4 Dunning can end a relationship
001-5 Teams are slowed by manual work
001-6 Invoices go out with the right purchase order
001-7 Personal messages from templates
001-8 Automated, customised dunning campaigns
001-9 Loop in sales and other influencers
001-10 Last touchpoint as good as the first
001-11 Better touchpoints bring faster payment
002-1 Customer believes the invoice is already paid
002-2 Customer overlooked the invoice and wants it again
002-3 Customer says it never arrived
002-4 Two bad experiences lose a customer
002-5 Up to four platforms in one revenue process cause data differences
002-6 Errors on invoices frustrate
002-7 Systems must follow changes in real time
002-8 Keep preferences, terms, location, key contacts, payment modes, past service
002-9 Customer can easily update own account
002-10 Segment by location, product, size, industry, credit risk
002-11 Invoice when the customer is most likely to act
002-12 Unique invoicing cycle per customer
002-13 Standard, flex, on-demand, order-based models
002-14 A reminder after settlement is the worst annoyance
002-15 Payment recognised in real time and the account updated
002-16 Reports must be live
002-17 Open APIs to payment platforms and banks
002-18 Failures come from expired cards, outages, no funds, bank trouble
002-19 Generic retries and dunning hurt
002-20 Message explains why and what next
002-21 Tell how to prevent it, if it was theirs
002-22 Apologise and assure, if it was ours
002-23 Open, transparent communication
002-24 Templates per failure type are easy to set
003-1 Invoices reach customers promptly or on schedule
003-2 E-mail, WhatsApp or portal by preference
003-3 Both sides see payment status live
003-4 Detailed invoices (shipment, customs codes)
003-5 Many payment options: cards, transfers, virtual accounts, USSD
003-6 Self-service portal: view, manage methods, pay
003-7 Clear instructions: due date, methods, discounts, late fees
003-8 Branding with logo and colours so invoices are recognised
003-9 Mobile app, web, automated transfers
003-10 Automated reminders before and after the due date, e-mail or SMS
003-11 Considerate, early reminders
003-12 Payment history predicts late payers
003-13 Reach high-risk customers early, offer alternatives
003-14 A support team answers quickly
003-15 Personal message from the team instead of automation
003-16 Adjust payment terms
003-17 Resolve payment issues promptly
003-18 Accurate part numbers and prices
003-19 Extended credit terms
003-20 Central cloud platform
003-21 Electronic payment instead of checks
003-22 Analytics on patterns and risks
003-23 International customers
003-24 Large scale (telecom with millions of customers)
004-1 Your customers have other vendors too, up to hundreds of open invoices
004-2 Each vendor sends its own reminder as the due date nears
004-3 Reminders that are mere statements are not enough
004-4 Customers must be able to pay or file a dispute from the reminder
004-5 Vendors collaborate in one bundled reminder
004-6 View all open invoices of several vendors in one place
004-7 Quick link to pay each one
004-8 Quick link to ask any vendor a question
004-9 The vendor is notified immediately
004-10 The vendor can respond
004-11 Customer first, even at the price of some personalisation
004-12 Improvement in relations and collection time
004-13 Customers reach out first instead of setting the invoice aside
004-14 Track customer interactions, not only DSO and write-offs
004-15 Know the team's typical response time
004-16 Tell staff it is tracked
004-17 Tell customers it is tracked
004-18 The system tracks it by itself and saves staff time
004-19 Measure accuracy by invoices with a question or a disputed amount
004-20 Count errors heard on the phone too
004-21 Ask satisfaction after payment
004-22 Short survey, at most once a quarter, rarer if invoiced rarely
004-23 The person who pays or approves has power
004-24 Every interaction documented
"""

GOALS = """
perf-A1 A first sync writes in batches worth a write
perf-A5 A resync that finds nothing new: log and row versions written
perf-A7 A part payment moves no index entry
perf-B4 Each due mailbox once, with four workers on four hosts
perf-B6 Connections opened to the mail service
perf-B7 Statements of a batch, whatever its size
perf-B8 Bytes of a digest's HTML
perf-B9 Finding what is due reads no table whole
perf-C1 What a page asks of the database before it says anything
perf-C3 Pages of a large inbox and desk use their indexes
perf-C4 Statements of the inbox page, for one invoice and for many
perf-C5 The last page costs what the first does
perf-D2 Statements of a webhook; none for a repeated one
perf-D3 A drain takes many webhooks at once
"""

CASES = """
facts-1 Two workers refresh one rotating token at once
facts-2 The provider rotated and we never saw the new tokens
facts-3 A callback that is wrong, incomplete, refused, used, or somebody else's
facts-4 Xero: its dates, an HTML answer, the day limit
facts-5 QuickBooks: faults in a 200, empty answers, full pages, deleted rows, a feed too old, both forms of webhook
facts-6 Stripe: minor units, no due date, page ends, replays, two signatures, a new key
facts-7 Square: payment requests, no public address, a changed host, two locations
facts-8 FreshBooks: the last Sunday of October in New York, a hundred a page
facts-9 Business Central: a subscription that died, the handshake on renewal, a collection
facts-10 Zoho: an error in a 200, a grant of another data centre
facts-11 Ten thousand webhooks of one account in a minute
facts-12 Paid between composing and sending; a credit in another currency
facts-13 Every published e-invoice, and broken ones
"""


def features() -> list[Id]:
    return [Id(found[1], found[3], found[2]) for found in re.finditer(r"^(\S+) (P\d) (.+)$", FEATURES, re.MULTILINE)]


def invariants() -> list[Id]:
    return _pairs(INVARIANTS)


def claims() -> list[Id]:
    return _pairs(CLAIMS)


def goals() -> list[Id]:
    return _pairs(GOALS)


def cases() -> list[Id]:
    return _pairs(CASES)


def _pairs(block: str) -> list[Id]:
    return [Id(found[1], found[2]) for found in re.finditer(r"^(\S+) (.+)$", block, re.MULTILINE)]
