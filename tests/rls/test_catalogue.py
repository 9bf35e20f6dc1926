"""What the catalogue says: every table, policy, grant and foreign key of the schema public."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .expected import TABLES

Catalogue = Callable[..., list[tuple[Any, ...]]]

_ALL = {"select", "insert", "update", "delete"}


def test_every_table_is_in_the_list_of_what_is_expected(catalogue: Catalogue) -> None:
    found = catalogue(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'f')"
    )
    assert {name for (name,) in found} == set(TABLES), "write the table down in expected.py"


def test_nothing_but_tables_is_exposed(catalogue: Catalogue) -> None:
    others = catalogue(
        "select relname, relkind from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm', 'S')"
    )
    assert others == []


def test_every_table_has_row_level_security_and_a_policy(catalogue: Catalogue) -> None:
    bare = catalogue("""
        select c.relname from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
          and (not c.relrowsecurity or not exists (select 1 from pg_policy p where p.polrelid = c.oid))""")
    assert bare == []


def test_users_have_exactly_the_expected_grants(catalogue: Catalogue) -> None:
    granted = _table_grants(catalogue, "authenticated")
    expected = {
        name: {verb for verb in ("select", "delete") if getattr(access, verb)}
        for name, access in TABLES.items()
    }
    assert granted == {name: verbs for name, verbs in expected.items() if verbs}


def test_users_may_write_exactly_the_expected_columns(catalogue: Catalogue) -> None:
    granted = catalogue("""
        select c.relname, lower(g.privilege_type), a.attname
        from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) g
        where c.relnamespace = 'public'::regnamespace and g.grantee = 'authenticated'::regrole""")
    expected = {
        (name, verb, column)
        for name, access in TABLES.items()
        for verb, columns in (("insert", access.insert), ("update", access.update))
        for column in columns.split()
    }
    assert set(granted) == expected


def test_nobody_has_no_grant_on_any_table_or_column(catalogue: Catalogue) -> None:
    columns = catalogue("""
        select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) g
        where c.relnamespace = 'public'::regnamespace and g.grantee in (0, 'anon'::regrole)""")
    assert columns == []
    assert _table_grants(catalogue, "anon") == {}
    assert _table_grants(catalogue, None) == {}


def test_the_service_may_read_and_write_every_table(catalogue: Catalogue) -> None:
    assert _table_grants(catalogue, "service_role") == dict.fromkeys(TABLES, _ALL)


def test_what_a_later_migration_creates_belongs_to_nobody_until_it_says_so(
    catalogue: Catalogue,
) -> None:
    given = catalogue("""
        select d.defaclobjtype, g.grantee::regrole::text from pg_default_acl d, aclexplode(d.defaclacl) g
        where d.defaclrole = 'postgres'::regrole and d.defaclnamespace in (0, 'public'::regnamespace)
          and g.grantee in (0, 'anon'::regrole, 'authenticated'::regrole, 'service_role'::regrole)""")
    assert given == []
    # the absence of an entry would mean Postgres' own default, which lets everybody execute
    assert catalogue(
        "select count(*) from pg_default_acl where defaclrole = 'postgres'::regrole and defaclnamespace = 0 and defaclobjtype = 'f'"
    ) == [(1,)]


def test_every_policy_is_for_signed_in_users_and_named_by_a_sentence(catalogue: Catalogue) -> None:
    policies = catalogue("""
        select schemaname || '.' || tablename, policyname, roles::text[] from pg_policies
        where schemaname in ('public', 'storage')""")
    assert len(policies) > len(TABLES)
    for table, name, roles in policies:
        assert re.fullmatch(r"[A-Z][A-Za-z]*( [A-Za-z]+){3,}", name), f'{table}: "{name}"'
        assert roles == ["authenticated"], f'{table}: "{name}" is for {roles}'


def test_every_policy_on_rows_of_people_asks_for_their_owner(catalogue: Catalogue) -> None:
    policies = catalogue(
        "select tablename, policyname, coalesce(qual, 'true') || coalesce(with_check, '') from pg_policies where schemaname = 'public'"
    )
    for table, name, rule in policies:
        access = TABLES[table]
        if access.owner:
            wanted = f"({access.owner} = ( SELECT auth.uid() AS uid))" if access.select else "false"
            assert wanted in rule, f'{table}: "{name}" says {rule}'


def test_every_foreign_key_has_an_index(catalogue: Catalogue) -> None:
    without = catalogue("""
        select c.conrelid::regclass::text, c.conname from pg_constraint c
        where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
          select 1 from pg_index i
          where i.indrelid = c.conrelid and i.indpred is null
            -- the key's columns, in any order, are the first ones of the index
            and (select array_agg(k order by k) from unnest(c.conkey) k)
              = (select array_agg(k order by k) from unnest((i.indkey::int2[])[0:cardinality(c.conkey) - 1]) k))""")
    assert without == []


def test_every_reference_that_people_write_names_its_owner(catalogue: Catalogue) -> None:
    keys = catalogue("""
        select c.conrelid::regclass::text, c.confrelid::regclass::text,
          (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = c.conrelid and a.attnum = any (c.conkey))
        from pg_constraint c where c.contype = 'f' and c.connamespace = 'public'::regnamespace""")
    owned = {name for name, access in TABLES.items() if access.owner == "user_id"}
    written = {name for name, access in TABLES.items() if access.insert}
    between = [key for key in keys if key[0] in written and key[1] in owned]
    assert len(between) >= 6
    for table, referenced, columns in between:
        assert "user_id" in columns, f"{table} -> {referenced} by {columns}"


def test_no_change_of_these_tables_is_broadcast(catalogue: Catalogue) -> None:
    assert catalogue("select * from pg_publication_tables where schemaname = 'public'") == []


def _table_grants(catalogue: Catalogue, role: str | None) -> dict[str, set[str]]:
    """Verbs by table; role None is PUBLIC."""
    rows = catalogue(
        """select c.relname, lower(g.privilege_type) from pg_class c, aclexplode(c.relacl) g
           where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
             and g.grantee = coalesce(to_regrole(%s), 0)::oid""",
        role,
    )
    granted: dict[str, set[str]] = {}
    for table, verb in rows:
        granted.setdefault(table, set()).add(verb)
    return granted
