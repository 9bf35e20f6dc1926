"""Every secret of a product is known, everything fails that can fail with one in hand, and none can be read anywhere."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.leaks.driving import Product
from tests.leaks.scanning import Scanner

# Where one may stand, and why.
MAY_HOLD = {
    "sources": "a source's password",  # the addresses as their owner typed them, and as only their owner reads them
    "generations": "an article's password",
}
# Processes that stand for somebody else's: platforms, the people's frontend, Auth's own tables.
OF_OTHERS = ("sandbox", "frontend")
SCHEMAS_OF_OTHERS = ["pg_catalog", "information_schema", "auth", "supabase_migrations"]


@pytest.fixture(scope="module")
def scanner(product: Product) -> Scanner:
    return Scanner(product.known)


def test_what_was_planted_is_what_there_is(product: Product) -> None:
    known = set(product.known)
    assert {"linkedin access token", "x access token", "x refresh token", "linkedin code", "x state", "x verifier"} <= known  # fmt: skip
    assert {"SUPABASE_SECRET_KEY 1", "HUGGING_KEY", "MODEL_KEY", "JWT_SECRET_KEY", "TOKEN_KEYS 1"} <= known  # fmt: skip
    assert len(known) > 20


def test_no_log_of_any_process_holds_one(product: Product, scanner: Scanner) -> None:
    found, read = {}, 0
    for file, start in product.logs.items():
        if file.name.startswith(OF_OTHERS):
            continue
        with file.open("rb") as log:
            log.seek(start)
            text = log.read()
        read += len(text)
        if names := scanner.found_in(text):
            found[file.name] = names
    assert found == {}
    assert read > 10_000
    # it was there and was taken out, rather than never written
    assert any(b"[removed]" in file.read_bytes() for file in product.logs)
    assert b"debug" in next(f for f in product.logs if f.name == "web-planted.log").read_bytes()


def test_no_answer_holds_one(product: Product, scanner: Scanner) -> None:
    found = {asked: names for asked, answer in product.answers if (names := scanner.found_in(answer))}  # fmt: skip
    assert found == {}
    assert {asked.partition("?")[0] for asked, _ in product.answers} >= {"GET /metrics", "GET /openapi.json", "GET /health/ready", "GET /api/posts/export"}  # fmt: skip


def test_no_span_and_no_report_holds_one(product: Product, scanner: Scanner) -> None:
    spans = [one.SerializeToString() for one in product.collector.traces]
    assert scanner.found_in(b"\n".join(spans)) == []
    # by their protocol a report says with which key it comes
    assert scanner.found_in("\n".join(product.collector.envelopes), but=("SENTRY_DSN",)) == []
    named = {span["name"] for span in product.collector.spans()}
    assert {"GET /api/account/export", "POST /api/generate", "GET /health/ready"} <= named, named


def test_no_column_of_any_table_holds_one(product: Product, scanner: Scanner) -> None:
    tables = product.sql(
        "select format('%%I.%%I', n.nspname, c.relname), c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where c.relkind in ('r', 'p') and n.nspname not like 'pg_t%%' and n.nspname <> all (%s)",
        SCHEMAS_OF_OTHERS,
    )
    found, rows = {}, 0
    for name, table in tables:
        fresh = f"select t::text from {name} t where t.xmin::text::bigint >= %s"  # noqa: S608 - from the catalogue
        written = product.sql(fresh, product.since)
        rows += len(written)
        but = (MAY_HOLD.get(table, ""),)
        if names := scanner.found_in("\n".join(row[0] for row in written), but=but):
            found[name] = names
    assert found == {}
    assert rows > 20
    assert len(tables) > 20


def test_what_was_told_of_the_failures_says_that_something_was_taken_out(product: Product) -> None:
    """Else the platforms' words were never stored, and nothing above was tried."""
    person = product.browser.person
    assert person
    told = product.sql("select error from post_targets where user_id = %s and error is not null", person.id)  # fmt: skip
    assert len([error for (error,) in told if "[removed]" in error]) >= 2, told


def test_no_export_of_an_account_holds_one(product: Product, scanner: Scanner) -> None:
    found = {}
    with zipfile.ZipFile(io.BytesIO(product.archive)) as archive:
        names = archive.namelist()
        for name in names:
            but = tuple(
                secret for table, secret in MAY_HOLD.items() if name == f"tables/{table}.jsonl"
            )
            if secrets := scanner.found_in(archive.read(name), but=but):
                found[name] = secrets
    assert found == {}
    assert len(names) > 10
